"""`pods/log`: a container's output, streamed from its node."""

from __future__ import annotations

from collections.abc import Awaitable

from kubern.apiserver.backends.kubelet import pod_log
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.subresource import SubresourceHandler
from kubern.http.contract import Answer


def serve(core: Core, call: Call) -> Awaitable[Answer]:
    """Answer GET …/pods/<name>/log."""
    return pod_log(core.backends, call.namespace, call.info.name, call.info.query)


SUBRESOURCE = SubresourceHandler("log", serve, ("pods",))
