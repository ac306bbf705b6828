"""Durable writes per second and CPU per write of the embedded store, by how many clients write at once.

    python benchmarks/store.py [--seconds 3] [--size 1000] [--clients 1,16,64,256]

Each client writes its next value when the last one was answered; three in four writes are updates. One watch of everything is
open, as in an apiserver. CPU is that of the whole process, the clients' loop included.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

import uvloop

from kubern.base.clock import SystemClock
from kubern.store.embedded import EmbeddedStore


async def client(store: EmbeddedStore, name: int, value: bytes, until: float, waits: list[float]) -> None:
    number = 0
    while (start := time.perf_counter()) < until:
        await store.txn(b"/registry/configmaps/default/%d-%d" % (name, number // 4), value)
        waits.append(time.perf_counter() - start)
        number += 1


async def drain(store: EmbeddedStore) -> int:
    return sum([len(batch) async for batch in store.watch(b"", b"\0")])


async def measure(directory: Path, clients: int, size: int, seconds: float) -> str:
    store = await EmbeddedStore.open(directory, clock=SystemClock())
    watcher = asyncio.create_task(drain(store))
    waits: list[float] = []
    value, start, cpu = os.urandom(size), time.perf_counter(), time.process_time()
    await asyncio.gather(*(client(store, n, value, start + seconds, waits) for n in range(clients)))
    took, used = time.perf_counter() - start, time.process_time() - cpu
    start = time.perf_counter()
    found = await store.range(b"/registry/", b"/registry0")
    read = time.perf_counter() - start
    await store.close()
    assert await watcher == len(waits)
    start = time.perf_counter()
    await (await EmbeddedStore.open(directory, clock=SystemClock())).close()
    reopened = time.perf_counter() - start
    waits.sort()
    return (
        f"{clients:5} {len(waits) / took:11,.0f} {used / len(waits) * 1e6:9.1f} µs {waits[len(waits) // 2] * 1e3:8.2f} ms"
        f" {waits[len(waits) * 99 // 100] * 1e3:8.2f} ms {read / found.total * 1e6:10.1f} µs {reopened / len(waits) * 1e6:10.1f} µs"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=1000, help="bytes a value")
    parser.add_argument("--clients", default="1,16,64,256")
    options = parser.parse_args()
    print("clients   writes/s   CPU/write      median       99 %   range/key   open/revision")
    for clients in map(int, options.clients.split(",")):
        with tempfile.TemporaryDirectory(prefix="kubern-store-") as directory:
            print(uvloop.run(measure(Path(directory), clients, options.size, options.seconds)), flush=True)


if __name__ == "__main__":
    main()
