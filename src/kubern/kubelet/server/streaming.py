"""Exec, attach and port-forward: asks the kubelet for the runtime's URL and passes the connection on to it."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from kubern.base.errors import BadRequest, InternalError
from kubern.base.json import Obj
from kubern.http.contract import Answer, Request
from kubern.http.dial import Dial, open_channel
from kubern.http.relay import Streams, is_upgrade, relay
from kubern.kubelet.server.contract import Node

Query = dict[str, list[str]]


def streams_of(query: Query) -> Streams:
    """Read which streams an exec or attach has. Raises `BadRequest` when it has none."""

    def wants(name: str) -> bool:
        return query.get(name, ["0"])[0] in ("1", "true")

    tty = wants("tty")
    # A terminal has one output: what goes to stderr comes with stdout.
    streams = Streams(wants("input"), wants("output"), wants("error") and not tty, tty)
    if not (streams.stdin or streams.stdout or streams.stderr):
        raise BadRequest("you must specify at least 1 of stdin, stdout, stderr")
    return streams


def ports_of(query: Query) -> list[int]:
    """Read the ports of a port-forward over WebSocket. Raises `BadRequest`."""
    ports = []
    for text in ",".join(query.get("port", [])).split(","):
        if not text:
            continue
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise BadRequest(f"unable to parse {text!r} as a port")
        ports.append(int(text))
    return ports


class StreamingCalls(Protocol):
    """The three streaming calls. They raise `StatusError`."""

    async def exec(self, request: Request, pod: Obj, container: str, query: Query) -> Answer:
        """Run a command in a container."""
        ...

    async def attach(self, request: Request, pod: Obj, container: str, query: Query) -> Answer:
        """Attach to a container's main process."""
        ...

    async def port_forward(self, request: Request, pod: Obj, query: Query) -> Answer:
        """Forward connections to a pod's ports."""
        ...


class Streaming:
    """The calls of a node with a runtime. `dial` opens connections to the runtime."""

    def __init__(self, node: Node, dial: Dial) -> None:
        self._node = node
        self._dial = dial

    async def exec(self, request: Request, pod: Obj, container: str, query: Query) -> Answer:
        """Run a command in a container."""
        streams = checked_streams(request, query)
        url = await self._node.exec_url(pod, container, query.get("command", []), streams)
        return await self._to_runtime(request, url, streams)

    async def attach(self, request: Request, pod: Obj, container: str, query: Query) -> Answer:
        """Attach to a container's main process."""
        streams = checked_streams(request, query)
        return await self._to_runtime(request, await self._node.attach_url(pod, container, streams), streams)

    async def port_forward(self, request: Request, pod: Obj, query: Query) -> Answer:
        """Forward connections to a pod's ports."""
        if not is_upgrade(request):
            raise BadRequest("unable to upgrade: missing upgrade headers in request")
        url = await self._node.port_forward_url(pod, ports_of(query))
        return await self._to_runtime(request, url, None)

    async def _to_runtime(self, request: Request, url: str, streams: Streams | None) -> Answer:
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        if streams is None and request.query:
            target += ("&" if parts.query else "?") + request.query  # the WebSocket form names its ports there
        try:
            channel = await open_channel(self._dial, host, port)
            return await relay(request, channel, f"{host}:{port}", target, streams)
        except OSError as error:
            raise InternalError(f"error dialing backend: {error}") from error


def checked_streams(request: Request, query: Query) -> Streams:
    """Read which streams a request for an upgrade has. Raises `BadRequest` when it is none."""
    if not is_upgrade(request):
        raise BadRequest("unable to upgrade: missing upgrade headers in request")
    return streams_of(query)


def parse_query(query: str) -> Query:
    """Read a query string, empty values included."""
    return parse_qs(query, keep_blank_values=True)
