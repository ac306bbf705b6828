"""The kubelet's HTTPS API for virtual nodes: one handler for all of them, told apart by the address that a request is for.

Logs, exec, attach and `/metrics/resource`, `/stats/summary`, `/pods` answer as a real kubelet's do, out of what annotations script. What
always holds: nothing is stored; who may ask is decided as on a real node.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from functools import partial
from pathlib import Path

from kubern.base.clock import Clock
from kubern.base.errors import BadRequest, NotFound
from kubern.base.json import Obj
from kubern.diagnostics.access import Access
from kubern.http.contract import Answer, Request, Response
from kubern.http.relay import STDERR, STDOUT, Streams, is_upgrade
from kubern.kubelet.server.api import KubeletApi
from kubern.kubelet.server.contract import ContainerLog, ExecResult
from kubern.kubelet.server.logs import IsRunning, LogOptions
from kubern.kubelet.server.streaming import Query, checked_streams, ports_of
from kubern.simulation import output
from kubern.simulation.answers import answer_of, log_of
from kubern.simulation.forwarding import forward
from kubern.simulation.ports import Port, port_of
from kubern.simulation.sessions import Write, answer
from kubern.simulation.source import Source


class VirtualKubelets:
    """The handler to serve. `access` knows who may ask."""

    def __init__(self, source: Source, clock: Clock, access: Access) -> None:
        self._source = source
        self._clock = clock
        self._access = access

    def __call__(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer as the node that the request's Host names."""
        name = self._source.node_at(request.headers.get("host", "").partition(":")[0])
        if name is None:
            return Response(404, (("Content-Type", "text/plain; charset=utf-8"),), b"no virtual node has this address")
        node = VirtualNode(self._source, name, self._clock)
        return KubeletApi(node, self._clock, self._access, streams=node, read=node.read)(request)


class VirtualNode:
    """One node, for one request: implements `server.contract.Node`, the streaming calls, and the reading of logs."""

    def __init__(self, source: Source, name: str, clock: Clock) -> None:
        self._source = source
        self._name = name
        self._clock = clock
        self._asked: tuple[Obj, str, bool] = ({}, "", False)
        """Whose log was asked for: pod, container, the previous run."""

    @property
    def name(self) -> str:
        return self._name

    def pods(self) -> list[Obj]:
        return self._source.pods_of(self._name)

    def pod(self, namespace: str, name: str) -> Obj | None:
        found = self._source.pod(namespace, name)
        return found if found is not None and found["spec"].get("nodeName") == self._name else None

    async def running_pods(self) -> list[Obj]:
        return [pod for pod in self.pods() if (pod.get("status") or {}).get("phase") == "Running"]

    async def stats_summary(self) -> Obj:
        return self._source.summary(self._name)

    async def remove_local_volume(self, name: str) -> None:
        raise NotFound("a virtual node keeps no volumes")

    def configz(self) -> Obj:
        return {"kubeletconfig": {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1"}}

    def metrics(self) -> bytes:
        return f'kubelet_node_name{{node="{self._name}"}} 1\nkubelet_running_pods {len(self.pods())}\n'.encode()

    # logs

    def container_log(self, pod: Obj, container: str, previous: bool) -> ContainerLog:
        if _run(pod, container, previous) is None:
            name = pod["metadata"]["name"]
            if previous:
                raise BadRequest(f'previous terminated container "{container}" in pod "{name}" not found')
            raise BadRequest(f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating')
        self._asked = pod, container, previous
        return ContainerLog(Path(container), f"virtual://{container}")

    async def is_running(self, container_id: str) -> bool:
        pod, container, previous = self._asked
        run = _run(self._newest(pod), container, previous)
        return run is not None and run.ended is None

    def _newest(self, pod: Obj) -> Obj | None:
        meta = pod["metadata"]
        found = self._source.pod(meta["namespace"], meta["name"])
        return found if found is not None and found["metadata"]["uid"] == meta["uid"] else None

    def read(self, path: Path, options: LogOptions, clock: Clock, is_running: IsRunning) -> AsyncIterator[bytes]:
        """Yield what was written; the container is the one last asked for."""
        pod, container, previous = self._asked
        return self._follow(pod, container, previous, options)

    def _follow(self, pod: Obj, container: str, previous: bool, options: LogOptions) -> AsyncIterator[bytes]:
        meta = pod["metadata"]
        log = log_of(meta.get("annotations") or {}, meta["uid"])
        return output.read(log, lambda: _run(self._newest(pod), container, previous), options, self._clock)

    # commands

    async def exec_sync(self, pod: Obj, container: str, command: Sequence[str]) -> ExecResult:
        _must_run(pod, container)
        found = answer_of(pod["metadata"].get("annotations") or {}, command)
        await self._clock.sleep(found.after)
        return ExecResult(found.exit_code, found.stdout.encode(), found.stderr.encode())

    async def exec(self, request: Request, pod: Obj, container: str, query: Query) -> Answer:
        """Answer a command as scripted."""
        streams = checked_streams(request, query)
        _must_run(pod, container)
        return answer(request, streams, partial(self._command, pod, container, query.get("command", [])))

    async def _command(self, pod: Obj, container: str, command: Sequence[str], write: Write) -> int:
        result = await self.exec_sync(pod, container, command)
        for channel, data in ((STDOUT, result.stdout), (STDERR, result.stderr)):
            if data:
                await write(channel, data)
        return result.exit_code

    async def attach(self, request: Request, pod: Obj, container: str, query: Query) -> Answer:
        """Show what the container writes from now on."""
        streams = checked_streams(request, query)
        _must_run(pod, container)
        return answer(request, streams, partial(self._attached, pod, container))

    async def _attached(self, pod: Obj, container: str, write: Write) -> int:
        async for piece in self._follow(pod, container, False, LogOptions(follow=True, tail=0)):
            if piece:
                await write(STDOUT, piece)
        return 0

    async def port_forward(self, request: Request, pod: Obj, query: Query) -> Answer:
        """Answer connections to ports as scripted."""
        if not is_upgrade(request):
            raise BadRequest("unable to upgrade: missing upgrade headers in request")
        if (pod.get("status") or {}).get("phase") != "Running":
            raise NotFound(f'pod not found ("{pod["metadata"]["name"]}_{pod["metadata"]["namespace"]}")')
        return forward(request, ports_of(query), partial(_listener, pod))

    async def exec_url(self, pod: Obj, container: str, command: Sequence[str], streams: Streams) -> str:
        raise NotFound("a virtual node has no runtime")

    async def attach_url(self, pod: Obj, container: str, streams: Streams) -> str:
        raise NotFound("a virtual node has no runtime")

    async def port_forward_url(self, pod: Obj, ports: Sequence[int]) -> str:
        raise NotFound("a virtual node has no runtime")


def _run(pod: Obj | None, container: str, previous: bool) -> output.Run | None:
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or ()
    return output.run_of(next((each for each in statuses if each["name"] == container), None), previous)


def _must_run(pod: Obj, container: str) -> None:
    run = _run(pod, container, False)
    if run is None or run.ended is not None:
        raise NotFound(f'container not found ("{container}")')


def _listener(pod: Obj, port: int) -> Port | str:
    """Return what listens on a pod's port, or what a runtime says when nothing does."""
    meta = pod["metadata"]
    refused = (
        f"error forwarding port {port} to pod {meta['uid']}, uid : failed to connect to localhost:{port} inside namespace "
        f'"{meta["uid"]}", IPv4: dial tcp4 127.0.0.1:{port}: connect: connection refused IPv6 dial tcp6: [::1]:{port}: '
        "connect: connection refused"
    )
    return port_of(meta.get("annotations") or {}, port) or refused
