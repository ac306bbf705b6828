"""Logs, exec, attach and port-forward: passed on to the kubelet of the pod's node.

Upgrades go through `kubern.http.relay`, so that a kubelet only ever sees SPDY or the older WebSocket protocols, as upstream's do.
"""

from __future__ import annotations

from urllib.parse import quote

from kubern.apiserver.backends.access import Address, Backends, Unreachable, assigned_node, chosen_container
from kubern.apiserver.backends.parameters import Query, log_parameters, port_parameters, stream_parameters
from kubern.base.errors import BadRequest, Cause, InternalError, StatusError, from_status
from kubern.http.client import Fetched, fetch
from kubern.http.contract import Answer, Request, Response
from kubern.http.relay import Streams, is_upgrade, relay
from kubern.http.streaming import produced

_TEXT = (("Content-Type", "text/plain"),)
_MESSAGES = {
    401: "the server has asked for the client to provide credentials", 403: "the server does not allow access to the resource",
    404: "the server could not find the requested resource", 503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",
}  # fmt: skip


async def pod_log(backends: Backends, namespace: str, name: str, query: Query) -> Answer:
    """Stream a container's log. Raises what upstream answers: `NotFound`, `BadRequest`, `Invalid`, `InternalError`."""
    parameters = log_parameters(query, name)
    pod = backends.get("pods", namespace, name)
    container = chosen_container(pod, parameters.container)
    node = pod["spec"].get("nodeName")
    if not node:
        return Response(200, _TEXT)  # not scheduled: nothing was logged yet
    address = backends.kubelet(node, verify=not parameters.insecure)
    target = _target("containerLogs", [namespace, name, container], parameters.query)
    try:
        channel = await backends.connect(address)
        fetched = await fetch(channel, "GET", target, [("Host", address.authority)])
    except (Unreachable, ConnectionError) as error:
        raise InternalError(f'Internal error occurred: Get "https://{address.authority}{target}": {error}') from error
    if fetched.head.status != 200:
        raise await _unexpected(fetched, "pods/log", name)

    return produced(200, _TEXT, fetched.copy_to, fetched.close)


async def _unexpected(fetched: Fetched, resource: str, name: str) -> StatusError:
    """Return the error that stands for a kubelet's answer other than 200; its text is the kubelet's."""
    status = fetched.head.status
    text = (await fetched.text()).strip()
    fetched.close()
    if status == 400:
        return BadRequest(text)
    if status == 500:
        return InternalError(f"Internal error occurred: {text}")
    message = _MESSAGES.get(
        status, f"the server responded with the status code {status} but did not return more information"
    )
    error = from_status({"message": f"{message} ( {resource} {name})", "code": status}, status)
    error.kind, error.name = resource, name
    error.causes = (Cause("UnexpectedServerResponse", text),)
    return error


async def pod_exec(backends: Backends, request: Request, namespace: str, name: str, query: Query) -> Answer:
    """Run a command in a container."""
    return await _stream(backends, request, "exec", namespace, name, query)


async def pod_attach(backends: Backends, request: Request, namespace: str, name: str, query: Query) -> Answer:
    """Attach to a container's main process."""
    return await _stream(backends, request, "attach", namespace, name, query)


async def _stream(backends: Backends, request: Request, call: str, namespace: str, name: str, query: Query) -> Answer:
    parameters = stream_parameters(query)
    pod = backends.get("pods", namespace, name)
    container = chosen_container(pod, parameters.container)
    address = backends.kubelet(assigned_node(pod))
    stderr = parameters.stderr and not parameters.tty  # a terminal has one output
    streams = Streams(parameters.stdin, parameters.stdout, stderr, parameters.tty)
    if call == "attach":
        parameters = parameters._replace(command=())
    target = _target(call, [namespace, name, container], parameters.query)
    return await _connect(backends, request, address, target, streams)


async def pod_port_forward(backends: Backends, request: Request, namespace: str, name: str, query: Query) -> Answer:
    """Forward connections to a pod's ports."""
    ports = port_parameters(query)
    pod = backends.get("pods", namespace, name)
    address = backends.kubelet(assigned_node(pod))
    return await _connect(backends, request, address, _target("portForward", [namespace, name], ports), None)


async def _connect(
    backends: Backends, request: Request, address: Address, target: str, streams: Streams | None
) -> Answer:
    if not is_upgrade(request):
        raise BadRequest("Upgrade request required")
    try:
        return await relay(request, await backends.connect(address), address.authority, target, streams)
    except (Unreachable, ConnectionError) as error:
        raise InternalError(f"error dialing backend: {error}") from error


def _target(call: str, parts: list[str], query: str) -> str:
    path = "/".join(["", call, *(quote(part, safe="") for part in parts)])
    return f"{path}?{query}" if query else path
