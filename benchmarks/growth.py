"""How an apiserver's costs grow with what it holds: 1,000, 10,000 and 50,000 pods, and with 10,000 open watches.

Run: `python benchmarks/growth.py [seconds a row]`. Needs wrk. Costs are the server's CPU per operation; the pods are those of
`apiserver.py`, 3 KB each, a tenth of them with a label that is asked for and a hundredth on the node that is asked for.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from apiserver import TOKEN, Server, config_map, load_row, make_namespaces, pod, prepared, running

SIZES = (1_000, 10_000, 50_000)
WATCHES, WRITES = 10_000, 20
NODES = 100
PATIENCE = 180.0


async def fill(server: Server, first: int, last: int) -> None:
    """Create the pods with these numbers."""
    import aiohttp

    head = {"authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(f"https://127.0.0.1:{server.port}", headers=head) as session:

        async def create(index: int) -> None:
            body = pod(f"pod-{index:05}", index)
            body["spec"]["nodeName"] = f"node-{index % NODES}"
            async with session.post("/api/v1/namespaces/lists/pods", json=body, ssl=server.tls) as reply:
                if reply.status != 201:
                    raise SystemExit(await reply.text())

        for start in range(first, last, 100):
            await asyncio.gather(*(create(index) for index in range(start, min(start + 100, last))))


def resident(server: Server) -> float:
    """Return the server's resident memory in bytes."""
    return float(server.process.memory_info().rss)


def measured(server: Server, seconds: int) -> list[str]:
    """Return the CPU of each kind of request as the store is now."""
    lists = "/api/v1/pods"
    found = []
    server.call("GET", f"{lists}?labelSelector=none")  # what selectors look at is read out of each object once
    for path, connections in (
        ("/api/v1/namespaces/lists/pods/pod-00042", 16),
        (f"{lists}?limit=500", 4),
        (f"{lists}?labelSelector=slice%3Ds3&limit=500", 4),
        (f"{lists}?labelSelector=slice%3Ds3", 4),
        (f"{lists}?fieldSelector=spec.nodeName%3Dnode-42", 4),
    ):
        found.append(load_row(server, "", path, "", "", seconds=seconds, connections=connections).cpu)
    body = config_map("NAME")
    found.append(load_row(server, "", "/api/v1/namespaces/writes/configmaps", "", "", seconds=seconds, body=body).cpu)
    listed = json.loads(server.call("GET", "/api/v1/namespaces/writes/configmaps?limit=1"))
    assert listed["items"]
    server.call("DELETE", "/api/v1/namespaces/writes/configmaps")
    return found


class Counter(asyncio.Protocol):
    """One watch: remembers the events it was sent, in order."""

    def __init__(self, path: str, opened: asyncio.Future[None], waiting: set[Counter], done: asyncio.Event) -> None:
        self._head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        self._opened, self._waiting, self._done = opened, waiting, done
        self._seen = b""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the watch."""
        self.transport = transport
        self.transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        """Take note."""
        if not self._opened.done():
            self._opened.set_result(None)
        self._seen += data
        if self._seen.count(b'"type":"ADDED"') == WRITES:
            self._waiting.discard(self)
            if not self._waiting:
                self._done.set()

    def order(self) -> list[int]:
        """Return the numbers of the objects in the order in which they were shown."""
        return [int(part.split(b'"', 1)[0]) for part in self._seen.split(b'"name":"w-')[1:]]


async def watches(server: Server) -> list[str]:
    """Open watches, write, and return what a watch and an event cost."""
    loop = asyncio.get_running_loop()
    path = "/api/v1/namespaces/watches/configmaps"
    start = json.loads(await asyncio.to_thread(server.call, "GET", path))["metadata"]["resourceVersion"]
    waiting: set[Counter] = set()
    done = asyncio.Event()
    counters: list[Counter] = []
    before = resident(server)
    query = f"{path}?watch=1&resourceVersion={start}"

    async def open_one() -> None:
        opened = loop.create_future()
        counter = Counter(query, opened, waiting, done)
        counters.append(counter)
        waiting.add(counter)
        await loop.create_connection(
            lambda: counter, "127.0.0.1", server.port, ssl=server.tls, ssl_handshake_timeout=PATIENCE
        )
        await opened

    async with asyncio.timeout(PATIENCE):
        for _ in range(0, WATCHES, 100):
            await asyncio.gather(*(open_one() for _ in range(100)))
    each = (resident(server) - before) / WATCHES
    used, begun = server.cpu(), time.perf_counter()
    for number in range(WRITES):
        await asyncio.to_thread(server.call, "POST", path, config_map(f"w-{number}"))
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    took, used = time.perf_counter() - begun, server.cpu() - used
    events = WATCHES * WRITES
    odd = sum(counter.order() != list(range(WRITES)) for counter in counters)
    for counter in counters:
        counter.transport.abort()
    return [
        f"{WATCHES:,} watches: {each / 1024:.1f} KB each",
        f"{WRITES} writes to all of them: {events / took:,.0f} events/s, {used / events * 1e6:.1f} µs CPU an event",
        f"watches that missed, repeated or reordered anything: {odd}",
    ]


def main() -> None:
    """Print the tables."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4 * WATCHES), hard), hard))
    columns = (
        "pods", "GET", "page of 500", "page of 500, label 1 in 10", "all, label 1 in 10", "field 1 in 100", "create",
        "memory a pod", "restart",
    )  # fmt: skip
    print(f"{os.cpu_count()} cores; CPU milliseconds an operation\n\n| " + " | ".join(columns) + " |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        pki = prepared(folder)
        with running(pki, folder / "run") as server:
            make_namespaces(server)
            empty = resident(server)
        there = 0
        for size in SIZES:
            with running(pki, folder / "run") as server:
                uvloop.run(fill(server, there, size))
                there = size
            with running(pki, folder / "run") as server:
                started = server.started
                each = (resident(server) - empty) / size / 1024
                cells = [cell.removesuffix(" ms") for cell in measured(server, seconds)]
            print(f"| {size:,} | " + " | ".join(cells) + f" | {each:.1f} KB | {started:.2f} s |", flush=True)
        print()
        with running(pki, folder / "run") as server:
            for line in uvloop.run(watches(server)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
