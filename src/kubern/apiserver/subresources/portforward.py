"""`pods/portforward`: a pod's ports, over a connection that changes protocol."""

from __future__ import annotations

from kubern.apiserver.admitting import admit_connection
from kubern.apiserver.backends.kubelet import pod_port_forward
from kubern.apiserver.backends.parameters import port_numbers
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.subresource import SubresourceHandler
from kubern.http.contract import Answer


async def serve(core: Core, call: Call) -> Answer:
    """Answer GET and POST …/pods/<name>/portforward."""
    await admit_connection(core, call, "PodPortForwardOptions", {"ports": port_numbers(call.info.query)})
    return await pod_port_forward(core.backends, call.request, call.namespace, call.info.name, call.info.query)


SUBRESOURCE = SubresourceHandler("portforward", serve, ("pods",))
