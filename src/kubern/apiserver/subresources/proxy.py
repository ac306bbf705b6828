"""`/proxy` of pods, services and nodes: the request goes on to what the object stands for, whatever its method."""

from __future__ import annotations

from collections.abc import Awaitable

from kubern.apiserver.backends.proxying import node_proxy_address, pod_address, proxy, service_address
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.subresource import SubresourceHandler
from kubern.http.contract import Answer


def serve(core: Core, call: Call) -> Awaitable[Answer]:
    """Answer …/<pods|services|nodes>/<[scheme:]name[:port]>/proxy[/path]."""
    plural, name = call.resource.plural, call.info.name
    if plural == "nodes":
        address = node_proxy_address(core.backends, name)
    else:
        locate = pod_address if plural == "pods" else service_address
        address = locate(core.backends, call.namespace, name)
    return proxy(core.backends, call.request, address)


SUBRESOURCE = SubresourceHandler("proxy", serve, ("pods", "services", "nodes"))
