"""`pods/attach`: a container's main process, over a connection that changes protocol."""

from __future__ import annotations

from kubern.apiserver.admitting import admit_connection
from kubern.apiserver.backends.kubelet import pod_attach
from kubern.apiserver.backends.parameters import stream_parameters
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.subresource import SubresourceHandler
from kubern.http.contract import Answer


async def serve(core: Core, call: Call) -> Answer:
    """Answer GET and POST …/pods/<name>/attach."""
    query = call.info.query
    await admit_connection(core, call, "PodAttachOptions", stream_parameters(query).options(False))
    return await pod_attach(core.backends, call.request, call.namespace, call.info.name, query)


SUBRESOURCE = SubresourceHandler("attach", serve, ("pods",))
