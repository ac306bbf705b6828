"""What an apiserver costs: writes, reads, lists, watches, start and memory of a real process over TLS, beside upstream's figures.

Run: `python benchmarks/apiserver.py [seconds a row]`. Needs wrk. CPU is the server process's own (user + system), per
operation; the clients run on the same machine. Upstream is v1.36.2 (kube-apiserver with etcd) on a machine of this size, two cores.
"""

from __future__ import annotations

import asyncio
import compileall
import json
import os
import re
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import uvloop

import kubern
from kubern.cluster.pki import Pki

TOKEN = "benchmark-administrator"
PODS, SELECTED = 5_000, 10
WATCHERS, EVENTS = 50, 400
STARTS = 3
LIMIT = 60.0
"""Seconds after which anything that is waited for counts as failed."""

CREATE = """
local made = 0
function setup(thread) thread:set("mine", made) made = made + 1 end
local count = 0
function request()
  count = count + 1
  return wrk.format("POST", nil, nil, (body:gsub("NAME", "n-" .. mine .. "-" .. count, 1)))
end
"""
CHECK = """
function response(status) if status > 299 then io.stderr:write("answered ", status, "\\n") wrk.thread:stop() end end
"""


class Server(NamedTuple):
    """A running apiserver."""

    process: psutil.Process
    port: int
    tls: ssl.SSLContext
    started: float
    """Seconds from process start to /readyz."""

    def cpu(self) -> float:
        """CPU seconds so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request. Raises `HTTPError`."""
        head = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", data, head, method=method)
        with urllib.request.urlopen(request, context=self.tls, timeout=LIMIT) as reply:
            return reply.read()


class Row(NamedTuple):
    """One line of the table."""

    work: str
    rate: str
    cpu: str
    upstream: str
    target: str


def pod(name: str, index: int) -> dict[str, Any]:
    """Return a pod as a Deployment would make it, with one container: 3 KB as it is answered, managedFields included."""
    labels = {"app": "web", "pod-template-hash": "5f7d9c6b8d", "slice": f"s{index % SELECTED}"}
    variables = [{"name": f"VARIABLE_{n}", "value": f"value-of-{n}"} for n in range(2)]
    ask = {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10}
    container = {
        "name": "web", "image": "registry.example/team/web:1.2.3", "env": variables, "resources": ask,
        "ports": [{"containerPort": 8080, "name": "http"}], "livenessProbe": probe,
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": {"containers": [container]},
    }  # fmt: skip


def prepared(folder: Path) -> Pki:
    """Return certificates for servers whose data are in `folder`/run."""
    pki = Pki(folder / "pki")
    pki.ensure("10.96.0.1", [])
    (folder / "run").mkdir()
    return pki


def make_namespaces(server: Server) -> None:
    """Make the namespaces that rows work in, each with its account."""
    for name in ("lists", "writes", "watches"):
        server.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        server.call("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})


@contextmanager
def running(pki: Pki, folder: Path) -> Iterator[Server]:
    """Run an apiserver on the data in `folder`; it is ended whatever happens."""
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,1,system:masters\n")
    options = {
        "secure-port": 0, "bind-address": "127.0.0.1", "data-dir": folder / "data", "client-ca-file": pki.ca.certificate,
        "tls-cert-file": pki.apiserver.certificate, "tls-private-key-file": pki.apiserver.key,
        "service-account-key-file": pki.service_account_public_key, "token-auth-file": folder / "tokens.csv",
        "service-account-signing-key-file": pki.service_account_key,
    }  # fmt: skip
    compileall.compile_dir(
        Path(kubern.__file__).parent, quiet=1
    )  # as an installed Kubern is, and as the launcher leaves it
    command = [sys.executable, "-m", "kubern", "apiserver", *(f"--{name}={value}" for name, value in options.items())]
    begin = time.perf_counter()
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise SystemExit((folder / "log").read_text())
        tls = ssl.create_default_context(cafile=str(pki.ca.certificate))
        server = Server(psutil.Process(child.pid), int(line.rsplit(":", 1)[1]), tls, 0.0)
        while not ready(server):
            if time.perf_counter() - begin > LIMIT:
                raise SystemExit("the apiserver does not become ready")
        yield server._replace(started=time.perf_counter() - begin)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(LIMIT)
        if child.stdout:
            child.stdout.close()


def ready(server: Server) -> bool:
    """Whether /readyz answers 200."""
    try:
        return bool(server.call("GET", "/readyz"))
    except urllib.error.HTTPError:
        return False


def wrk(server: Server, path: str, connections: int, seconds: int, script: str = "") -> tuple[float, float, int]:
    """Return operations a second, CPU milliseconds an operation, and bytes an answer."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(script + CHECK)
        lua.flush()
        command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout=30s", "-s", lua.name]
        head = ["-H", f"Authorization: Bearer {TOKEN}", "-H", "Content-Type: application/json"]
        before, begin = server.cpu(), time.perf_counter()
        done = subprocess.run(
            [*command, *head, f"https://127.0.0.1:{server.port}{path}"], capture_output=True, text=True, check=True
        )
        used, took = server.cpu() - before, time.perf_counter() - begin
    found = re.search(r"(\d+) requests in .*?, ([\d.]+)([KMG]?B) read", done.stdout)
    if not found or "answered" in done.stderr:
        raise SystemExit(f"{path}: {done.stdout} {done.stderr}")
    size = float(found[2]) * {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[found[3]]
    count = int(found[1])
    return count / took, used / count * 1000, int(size / count)


def load_row(
    server: Server, work: str, path: str, upstream: str, target: str, *, seconds: int, connections: int = 16, body: Any = None
) -> Row:  # fmt: skip
    """Return the row of one kind of request; with a `body`, creations of it under names of their own."""
    script = f"local body = [==[{json.dumps(body)}]==]\n{CREATE}" if body else ""
    rate, cpu, size = wrk(server, path, connections, seconds, script)
    return Row(f"{work} ({size:,} B)", f"{rate:,.0f}/s", f"{cpu:.3f} ms", upstream, target)


async def fill(server: Server) -> None:
    """Create the pods that the lists show."""
    import aiohttp

    head = {"authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(f"https://127.0.0.1:{server.port}", headers=head) as session:
        for start in range(0, PODS, 100):
            async with asyncio.TaskGroup() as group:
                for index in range(start, start + 100):
                    group.create_task(create(session, server, pod(f"pod-{index:05}", index)))


async def create(session: Any, server: Server, body: dict[str, Any]) -> None:
    """Create one pod."""
    async with session.post("/api/v1/namespaces/lists/pods", json=body, ssl=server.tls) as reply:
        if reply.status != 201:
            raise SystemExit(await reply.text())


class Reader(asyncio.Protocol):
    """One watcher: counts the events it gets."""

    def __init__(self, path: str, ready: asyncio.Future[None], done: asyncio.Future[None]) -> None:
        self._head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        self._ready, self._done = ready, done
        self._tail = b""
        self.events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the watch."""
        transport.write(self._head)  # type: ignore[attr-defined]  # uvloop's transports are of no asyncio class

    def data_received(self, data: bytes) -> None:
        """Count; the first bytes are the answer's head."""
        if not self._ready.done():
            self._ready.set_result(None)
        marker = b'{"type":"'
        self.events += (self._tail + data).count(marker)
        self._tail = data[-len(marker) + 1 :]
        if self.events >= EVENTS and not self._done.done():
            self._done.set_result(None)


async def watch(server: Server) -> Row:
    """Measure events to many watchers; the CPU includes the writes that make the events."""
    loop = asyncio.get_running_loop()
    path = "/api/v1/namespaces/watches/configmaps"
    start = json.loads(await asyncio.to_thread(server.call, "GET", path))["metadata"]["resourceVersion"]
    waits = [(loop.create_future(), loop.create_future()) for _ in range(WATCHERS)]
    query = f"{path}?watch=1&resourceVersion={start}"
    transports = []
    for ready_, done in waits:
        made = await loop.create_connection(
            lambda ready_=ready_, done=done: Reader(query, ready_, done), "127.0.0.1", server.port, ssl=server.tls
        )  # fmt: skip
        transports.append(made[0])
    async with asyncio.timeout(LIMIT):
        await asyncio.gather(*(ready_ for ready_, _ in waits))
        before, begin = server.cpu(), time.perf_counter()
        await asyncio.to_thread(make_events, server.port, path)
        await asyncio.gather(*(done for _, done in waits))
    used, took = server.cpu() - before, time.perf_counter() - begin
    for transport in transports:
        transport.close()
    total = WATCHERS * EVENTS
    return Row(
        f"{WATCHERS} watchers × {EVENTS} events (writes included)", f"{total / took:,.0f} events/s", f"{used / total * 1e6:.1f} µs",
        "9,100 events/s, 95 µs", "≤ 30 µs",
    )  # fmt: skip


def make_events(port: int, path: str) -> None:
    """Create as many ConfigMaps as there shall be events, 16 at a time: wrk's rates cannot be counted out, so a child does it."""
    subprocess.run([sys.executable, __file__, "--make-events", str(port), path], check=True, timeout=LIMIT)


def child_make_events(port: int, path: str) -> None:
    """The child: TLS is not verified here, the address is loopback."""
    tls = ssl._create_unverified_context()

    async def main() -> None:
        import aiohttp

        url, head = f"https://127.0.0.1:{port}{path}", {"authorization": f"Bearer {TOKEN}"}

        async def some(session: aiohttp.ClientSession, first: int) -> None:
            for index in range(first, EVENTS, 16):
                async with session.post(url, json=config_map(f"event-{index}"), ssl=tls) as reply:
                    if reply.status != 201:
                        raise SystemExit(await reply.text())

        async with aiohttp.ClientSession(headers=head) as session, asyncio.TaskGroup() as group:
            for first in range(16):
                group.create_task(some(session, first))

    uvloop.run(main())


def config_map(name: str) -> dict[str, Any]:
    """Return a ConfigMap of 1 KB."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": "x" * 900}}


def resident(server: Server) -> Row:
    """Return the row of the memory of an idle server."""
    size = server.process.memory_info().rss / 2**20
    return Row(
        "resident memory idle, apiserver and store", f"{size:.0f} MB", "", "500 MB (4 programs)", "≤ 120 MB (all)"
    )


def starts(pki: Pki, folder: Path) -> list[Row]:
    """Return the rows of starting on an empty store and on one that was used before, and of the memory after it."""
    rows = []
    fresh, again = [], []
    for number in range(STARTS):
        own = folder / f"start-{number}"
        own.mkdir()
        with running(pki, own) as server:
            fresh.append(server.started)
        with running(pki, own) as server:
            again.append(server.started)
            memory = resident(server)
    for what, times in (("empty store", fresh), ("store used before", again)):
        text = f"{statistics.median(times):.2f} s"
        rows.append(Row(f"process start to /readyz, {what}", text, "", "2.7 to 5.0 s", "≤ 0.8 s"))
    return [*rows, memory]


def measure(server: Server, seconds: int) -> Iterator[Row]:
    """Yield the rows of a running server; reads come first so that lists hold what was put there for them alone."""
    make_namespaces(server)
    uvloop.run(fill(server))
    one, lists = "/api/v1/namespaces/lists/pods/pod-00042", "/api/v1/pods"
    yield load_row(server, "GET one Pod", one, "3,210/s, 0.56 ms", "≤ 0.2 ms", seconds=seconds)
    for work, query, connections, upstream, target in (
        ("LIST 500 of 5,000 pods", "?limit=500", 4, "50/s, 35.6 ms", "≤ 3 ms"),
        ("LIST 5,000 pods", "?resourceVersion=0", 4, "6.6/s, 248 ms", "≤ 12 ms"),
        ("LIST 1 in 10 by label", "?labelSelector=slice%3Ds3", 4, "59/s, 28.6 ms", "≤ 3 ms"),
    ):
        yield load_row(server, work, lists + query, upstream, target, seconds=seconds, connections=connections)
    yield uvloop.run(watch(server))
    writes = "/api/v1/namespaces/writes"
    for work, plural, body, upstream, target in (
        ("create ConfigMap 1 KB", "configmaps", config_map("NAME"), "1,660/s, 1.06 ms", "≤ 0.6 ms"),
        ("create Pod", "pods", pod("NAME", 0), "910/s, 1.95 ms", "≤ 1.0 ms"),
    ):
        yield load_row(server, work, f"{writes}/{plural}", upstream, target, seconds=seconds, body=body)


def show(row: Row) -> None:
    """Print one line of the table."""
    print(f"| {row.work} | {row.rate} | {row.cpu} | {row.upstream} | {row.target} |", flush=True)


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["--make-events"]:
        child_make_events(int(sys.argv[2]), sys.argv[3])
        return
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    show(Row(f"work ({os.cpu_count()} cores)", "rate", "CPU", "upstream", "target"))
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        pki = Pki(folder / "pki")
        pki.ensure("10.96.0.1", [])
        for row in starts(pki, folder):
            show(row)
        (folder / "run").mkdir()
        with running(pki, folder / "run") as server:
            for row in measure(server, seconds):
                show(row)


if __name__ == "__main__":
    main()
