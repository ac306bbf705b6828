"""GET of one object: the cached bytes."""

from __future__ import annotations

from collections.abc import Awaitable

from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.listing import wait_for
from kubern.apiserver.options import revision_of
from kubern.apiserver.presenting import present
from kubern.apiserver.verb import Verb
from kubern.http.contract import Answer, Response


def serve(core: Core, call: Call) -> Answer | Awaitable[Answer]:
    """Answer with the object. Raises `NotFound`; `Timeout` when its resourceVersion parameter is in the future."""
    revision = revision_of(call.info.first("resourceVersion")) if call.info.query else None
    if revision and revision > core.feed.revision:
        return _later(core, call, revision)
    return _now(core, call)


def _now(core: Core, call: Call) -> Response:
    return present(core, call, core.storage(call.resource).get(call.namespace, call.info.name))


async def _later(core: Core, call: Call, revision: int) -> Answer:
    await wait_for(core, revision)
    return _now(core, call)


VERB = Verb("get", serve)
