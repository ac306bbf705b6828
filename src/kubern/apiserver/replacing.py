"""The subresources through which a part of an object is read and replaced: GET, PUT and PATCH with one `Strategy`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubern.api.resource import Resource
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.presenting import present
from kubern.apiserver.strategy import Strategy
from kubern.apiserver.subresource import Serve
from kubern.apiserver.verbs import patch, update
from kubern.http.contract import Answer


def replacing(strategy: Callable[[Resource], Strategy]) -> Serve:
    """Return the function that serves a part of an object, as its strategy delimits it."""

    def serve(core: Core, call: Call) -> Answer | Awaitable[Answer]:
        storage = core.storage(call.resource)
        method = call.request.method
        if method == "PUT":
            return update.serve_with(core, call, strategy(call.resource))
        if method == "PATCH":
            return patch.serve_with(core, call, strategy(call.resource))
        return present(core, call, storage.get(call.namespace, call.info.name))

    return serve
