"""LIST: the cached bytes of every object that matches, joined."""

from __future__ import annotations

from collections.abc import Awaitable

from kubern.apiserver.answers import body_response
from kubern.apiserver.cache import Match
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.listing import Page, list_at, list_now
from kubern.apiserver.options import ListOptions, list_options
from kubern.apiserver.presenting import form_of, media_of
from kubern.apiserver.selection import selection
from kubern.apiserver.verb import Verb
from kubern.http.contract import Answer, Response


def serve(core: Core, call: Call) -> Answer | Awaitable[Answer]:
    """Answer with the list. Raises `BadRequest`, `Invalid`, `Expired`, `Timeout`."""
    options = list_options(call.info, watch=False)
    selected = selection(call.resource, options)
    asked = options.resource_version or 0
    page = None
    if asked <= core.feed.revision:
        page = list_now(core.storage(call.resource), core.feed.revision, call.namespace, selected, options)
    if page is None:
        return _later(core, call, selected.match, options)
    return _answer(core, call, page)


async def _later(core: Core, call: Call, match: Match | None, options: ListOptions) -> Answer:
    return _answer(core, call, await list_at(core, core.storage(call.resource), call.namespace, match, options))


def _answer(core: Core, call: Call, page: Page) -> Response:
    media = media_of(core, call)
    return body_response(200, form_of(core, call, media).encode_list(page.entries, page.meta), media)


VERB = Verb("list", serve)
