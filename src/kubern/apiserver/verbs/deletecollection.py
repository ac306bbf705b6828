"""DELETE of every object that matches."""

from __future__ import annotations

from kubern.apiserver.answers import body_response
from kubern.apiserver.body import delete_options
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.deletion import delete, parse
from kubern.apiserver.encoding import Entry
from kubern.apiserver.forms import ListMeta
from kubern.apiserver.options import list_options
from kubern.apiserver.presenting import form_of
from kubern.apiserver.selection import matcher
from kubern.apiserver.verb import Verb
from kubern.base.errors import NotFound
from kubern.http.contract import Answer


async def serve(core: Core, call: Call) -> Answer:
    """Delete every object of the selection and answer with the list of them. Raises `BadRequest`, `Invalid`."""
    options = list_options(call.info, watch=False)
    request = parse(delete_options(call.request, call.info))
    match = matcher(call.resource, options)
    deleted: list[Entry] = []
    for entry in core.storage(call.resource).cache.select(call.namespace):
        if match is None or match(entry):
            try:
                deleted.append((await delete(core, call, entry.namespace, entry.name, request)).entry)
            except NotFound:
                continue  # somebody else was faster
    media = core.negotiator.choose(call.request.headers.get("accept", ""))
    return body_response(200, form_of(core, call, media).encode_list(deleted, ListMeta(core.feed.revision)), media)


VERB = Verb("deletecollection", serve)
