"""`/proxy` of pods, services and nodes: the request goes on to what the object stands for, whatever its method."""

from __future__ import annotations

from kubern.apiserver.admitting import admit_connection
from kubern.apiserver.backends.proxying import node_proxy_address, pod_address, proxy, service_address
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.subresource import SubresourceHandler
from kubern.http.contract import Answer

_KINDS = {"nodes": "NodeProxyOptions", "pods": "PodProxyOptions", "services": "ServiceProxyOptions"}


async def serve(core: Core, call: Call) -> Answer:
    """Answer …/<pods|services|nodes>/<[scheme:]name[:port]>/proxy[/path]."""
    plural, name = call.resource.plural, call.info.name
    path = "/".join(("", *call.info.rest))
    await admit_connection(core, call, _KINDS[plural], {"path": path})
    if plural == "nodes":
        address = node_proxy_address(core.backends, name)
    else:
        locate = pod_address if plural == "pods" else service_address
        address = locate(core.backends, call.namespace, name)
    return await proxy(core.backends, call.request, address)


SUBRESOURCE = SubresourceHandler("proxy", serve, ("pods", "services", "nodes"))
