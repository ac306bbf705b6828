"""`pods/attach`: a container's main process, over a connection that changes protocol."""

from __future__ import annotations

from collections.abc import Awaitable

from kubern.apiserver.backends.kubelet import pod_attach
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.subresource import SubresourceHandler
from kubern.http.contract import Answer


def serve(core: Core, call: Call) -> Awaitable[Answer]:
    """Answer GET and POST …/pods/<name>/attach."""
    return pod_attach(core.backends, call.request, call.namespace, call.info.name, call.info.query)


SUBRESOURCE = SubresourceHandler("attach", serve, ("pods",))
