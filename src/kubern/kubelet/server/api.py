"""The kubelet's HTTPS API: from a request's path to the call that answers it.

Paths are upstream's. Everything needs a client certificate or a token that `identity.authorize` accepts. Errors are plain text, as
upstream's kubelet writes them; the apiserver puts the text into a Status.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta

import orjson

from kubern.base.clock import Clock, parse_time
from kubern.base.errors import BadRequest, MethodNotAllowed, NotFound, StatusError
from kubern.base.json import Obj
from kubern.diagnostics.access import Access
from kubern.http.contract import Answer, Request, Response, StreamWriter
from kubern.http.dial import Dial, dial_directly
from kubern.http.streaming import produced
from kubern.kubelet.runtime.contract import RuntimeFailure
from kubern.kubelet.server.contract import Node
from kubern.kubelet.server.identity import authorize
from kubern.kubelet.server.logs import LogOptions, ReadLog, read_log
from kubern.kubelet.server.resource_metrics import resource_metrics
from kubern.kubelet.server.streaming import Query, Streaming, StreamingCalls, parse_query

log = logging.getLogger(__name__)

_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
_JSON = (("Content-Type", "application/json"),)
_METRICS = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),)
_SUBRESOURCES = {
    "stats": ("stats",), "metrics": ("metrics",), "containerLogs": ("log",), "logs": ("log",), "configz": ("configz", "proxy"),
    "pods": ("pods", "proxy"), "runningpods": ("pods", "proxy"), "healthz": ("healthz", "proxy"),
}  # fmt: skip
"""What of a node a path is, as rights are given for; everything else is `proxy`."""
_STREAMING = ("exec", "attach", "portForward")


class KubeletApi:
    """The handler to serve. `node` is the kubelet, `access` knows who may ask it; `dial` opens connections to the runtime's streaming
    server. A node without a runtime brings `streams` and `read` of its own."""

    def __init__(
        self, node: Node, clock: Clock, access: Access | None = None, dial: Dial = dial_directly,
        streams: StreamingCalls | None = None, read: ReadLog = read_log,
    ) -> None:  # fmt: skip
        self._node = node
        self._read = read
        self._clock = clock
        self._access = access or Access(clock, None, None)
        self._streaming = streams or Streaming(node, dial)

    def __call__(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer one request."""
        return self._answer(request)

    async def _answer(self, request: Request) -> Answer:
        try:
            first, *rest = request.path.strip("/").split("/")
            verb = {"GET": "get", "HEAD": "get", "POST": "create"}.get(request.method, request.method.lower())
            await authorize(self._access, request, self._node.name, verb, _SUBRESOURCES.get(first, ("proxy",)))
            if first in _STREAMING:
                return await self._stream(request, first, rest)
            if first == "run":
                return await self._run(request, rest)
            if first == "removeLocalVolume" and request.method == "POST" and len(rest) == 1:
                await self._node.remove_local_volume(rest[0])
                return Response(200, _JSON, b'{"kind":"Status","apiVersion":"v1","status":"Success"}')
            if request.method not in ("GET", "HEAD"):
                raise MethodNotAllowed("Method Not Allowed")
            return await self._get(request, first, rest)
        except StatusError as error:
            return Response(error.code, _TEXT, error.message.encode())
        except RuntimeFailure as error:
            return Response(404 if error.code == "NOT_FOUND" else 500, _TEXT, error.message.encode())

    async def _get(self, request: Request, first: str, rest: list[str]) -> Answer:
        if first == "healthz":
            return Response(200, _TEXT, b"ok")
        if first == "pods" and not rest:
            return _pod_list(self._node.pods())
        if first == "runningpods" and not rest:
            return _pod_list(await self._node.running_pods())
        if first == "stats" and rest in (["summary"], []):
            return Response(200, _JSON, orjson.dumps(await self._node.stats_summary()))
        if first == "configz" and not rest:
            return Response(200, _JSON, orjson.dumps(self._node.configz()))
        if first == "metrics" and not rest:
            return Response(200, _METRICS, self._node.metrics())
        if first == "metrics" and rest == ["resource"]:
            return Response(200, _METRICS, resource_metrics(await self._node.stats_summary()))
        if first == "containerLogs":
            return await self._logs(rest, parse_query(request.query))
        raise NotFound("404 page not found")

    def _pod(self, namespace: str, name: str, uid: str = "") -> Obj:
        pod = self._node.pod(namespace, name)
        if pod is None or (uid and pod["metadata"].get("uid") != uid):
            raise NotFound(f'pod "{name}" not found')
        return pod

    def _container(self, rest: list[str]) -> tuple[Obj, str]:
        """Read `{namespace}/{pod}[/{uid}]/{container}`. Raises `NotFound`."""
        if len(rest) not in (3, 4):
            raise NotFound("404 page not found")
        pod = self._pod(rest[0], rest[1], rest[2] if len(rest) == 4 else "")
        spec = pod["spec"]
        for field in ("containers", "initContainers", "ephemeralContainers"):
            if any(container["name"] == rest[-1] for container in spec.get(field) or ()):
                return pod, rest[-1]
        raise NotFound(f'container "{rest[-1]}" not found in pod "{rest[1]}"')

    async def _stream(self, request: Request, call: str, rest: list[str]) -> Answer:
        query = parse_query(request.query)
        if call == "portForward":
            if len(rest) not in (2, 3):
                raise NotFound("404 page not found")
            return await self._streaming.port_forward(request, self._pod(*rest), query)
        pod, container = self._container(rest)
        serve = self._streaming.exec if call == "exec" else self._streaming.attach
        return await serve(request, pod, container, query)

    async def _run(self, request: Request, rest: list[str]) -> Answer:
        if request.method != "POST":
            raise MethodNotAllowed("Method Not Allowed")
        pod, container = self._container(rest)
        command = parse_query(request.query).get("cmd", [""])[0].split()
        result = await self._node.exec_sync(pod, container, command)
        return Response(200 if result.exit_code == 0 else 500, _TEXT, result.stdout + result.stderr)

    async def _logs(self, rest: list[str], query: Query) -> Answer:
        if len(rest) != 3:
            raise BadRequest(f"Missing {('podNamespace', 'podID', 'containerName')[min(len(rest), 2)]}.")
        options = log_options(query, self._clock)
        pod, container = self._container(rest)
        previous = query.get("previous", ["false"])[0] == "true"
        found = self._node.container_log(pod, container, previous)

        async def is_running() -> bool:
            return await self._node.is_running(found.container_id)

        pieces = self._read(found.path, options, self._clock, is_running)
        try:
            first = await anext(pieces, b"")
        except FileNotFoundError:
            raise NotFound(f"failed to open log file {str(found.path)!r}: no such file") from None

        async def produce(writer: StreamWriter) -> None:
            await _copy(first, pieces, writer)

        return produced(200, _TEXT, produce)


async def _copy(first: bytes, pieces: AsyncIterator[bytes], writer: StreamWriter) -> None:
    writer.write(first)
    async for piece in pieces:
        writer.write(piece)
        await writer.drain()


def _pod_list(pods: list[Obj]) -> Response:
    items = [{key: value for key, value in pod.items() if key not in ("kind", "apiVersion")} for pod in pods]
    return Response(200, _JSON, orjson.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}))


def log_options(query: Query, clock: Clock) -> LogOptions:
    """Read PodLogOptions out of a query. Raises `BadRequest`."""

    def number(name: str) -> int | None:
        text = query.get(name, [""])[0]
        if not text:
            return None
        if not text.isdigit():
            raise BadRequest(f'Unable to decode query: {name}: "{text}" is not a number')
        return int(text)

    since = None
    seconds = number("sinceSeconds")
    if seconds is not None:
        since = clock.now() - timedelta(seconds=seconds)
    elif text := query.get("sinceTime", [""])[0]:
        try:
            since = parse_time(text)
        except ValueError:
            raise BadRequest(f"Unable to decode query: sinceTime: {text!r} is not a time") from None
    stream = query.get("stream", ["All"])[0] or "All"
    if stream not in ("All", "Stdout", "Stderr"):
        raise BadRequest(f"Unable to decode query: stream: {stream!r} is not All, Stdout or Stderr")

    def flag(name: str) -> bool:
        return query.get(name, ["false"])[0].lower() not in ("false", "0")

    return LogOptions(flag("follow"), number("tailLines"), number("limitBytes"), since, flag("timestamps"), stream)
