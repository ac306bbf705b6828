"""DELETE of every object that matches."""

from __future__ import annotations

import asyncio

from kubern.apiserver.answers import body_response
from kubern.apiserver.body import delete_options
from kubern.apiserver.call import Call
from kubern.apiserver.conversion_webhook import converted
from kubern.apiserver.core import Core
from kubern.apiserver.deletion import DeleteRequest, delete, parse
from kubern.apiserver.encoding import Entry
from kubern.apiserver.forms import ListMeta
from kubern.apiserver.options import list_options
from kubern.apiserver.presenting import form_of, media_of
from kubern.apiserver.selection import matcher
from kubern.apiserver.verb import Verb
from kubern.base.errors import NotFound
from kubern.http.contract import Answer

TOGETHER = 64
"""Deletions on their way at once: they share commits of the store."""


async def serve(core: Core, call: Call) -> Answer:
    """Delete every object of the selection and answer with the list of them. Raises `BadRequest`, `Invalid`."""
    options = list_options(call.info, watch=False)
    request = parse(delete_options(core.schemas, call.request, call.info))
    match = matcher(call.resource, options)
    chosen = [e for e in core.storage(call.resource).cache.select(call.namespace) if match is None or match(e)]
    deleted: list[Entry] = []
    warnings: list[str] = []
    for start in range(0, len(chosen), TOGETHER):
        found = await asyncio.gather(
            *(_one(core, call, entry, request, warnings) for entry in chosen[start : start + TOGETHER])
        )
        deleted += [entry for entry in found if entry is not None]
    media = media_of(core, call)
    form, meta = form_of(core, call, media), ListMeta(core.feed.revision)
    return await converted(lambda: body_response(200, form.encode_list(deleted, meta), media, warnings))


async def _one(core: Core, call: Call, entry: Entry, request: DeleteRequest, warnings: list[str]) -> Entry | None:
    try:
        return (await delete(core, call, entry.namespace, entry.name, request, warnings)).entry
    except NotFound:
        return None  # somebody else was faster


VERB = Verb("deletecollection", serve)
