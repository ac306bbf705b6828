"""What scheduling costs: from the scheduler's start to all pods bound, beside upstream's figures.

Run: `python benchmarks/scheduler.py [row …] [--growth] [--profile]`, a row being a word of the table's first column (all without one). The
apiserver runs in the same process, on a store with fsync, and its CPU (binding, watch, events) is part of the figure; upstream's is
kube-scheduler's alone, v1.36.2 on a machine of this size, two cores. Pods per second that upstream's own scheduler benchmark demands stand
where no measurement is at hand.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from kubern.api.resources import load
from kubern.apiserver.config import Config
from kubern.apiserver.identity import AUTHENTICATED, MASTERS, User
from kubern.apiserver.server import ApiServer
from kubern.base import garbage
from kubern.base.clock import SystemClock
from kubern.client.client import ApiClient
from kubern.client.contract import GVR
from kubern.client.informer import Informers
from kubern.client.transport_inprocess import InProcessTransport
from kubern.http.contract import Peer
from kubern.scheduler.main import run_scheduler
from kubern.store.embedded import EmbeddedStore

PODS, NODES = GVR("", "v1", "pods"), GVR("", "v1", "nodes")
SERVICES = GVR("", "v1", "services")
ACCOUNTS, PRIORITIES = GVR("", "v1", "serviceaccounts"), GVR("scheduling.k8s.io", "v1", "priorityclasses")
NS = "default"
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
LIMIT = 300.0
"""Seconds after which pods that are not bound count as failed."""
SELECTOR = {"matchLabels": {"app": "web"}}


class Row(NamedTuple):
    """One line of the table. `held`: pods of low priority on every node before the scheduler starts. `churn`: meanwhile nodes, services
    and pods that fit nowhere come and go."""

    name: str
    nodes: int
    pods: int
    spec: dict[str, Any]
    upstream: str
    target: str
    held: int = 0
    churn: bool = False


def _anti(required: bool) -> dict[str, Any]:
    term = {"topologyKey": HOST, "labelSelector": SELECTOR}
    if required:
        return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    preferred = [{"weight": 100, "podAffinityTerm": {**term, "topologyKey": ZONE}}]
    return {"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}}


SPREAD: dict[str, Any] = {
    "topologySpreadConstraints": [
        {"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": SELECTOR}
    ]
}
NODE_AFFINITY: dict[str, Any] = {
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["zone-1", "zone-2"]}]}
                ]
            }
        }
    }
}
TOGETHER: dict[str, Any] = {
    "affinity": {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ZONE, "labelSelector": SELECTOR}]
        }
    }
}
HIGH = {"priorityClassName": "high"}
ROWS = (
    Row("plain-1000", 1000, 2000, {}, "7.2 s, 5.1 s CPU", "3 s, 2.5 s CPU"),
    Row("spread-1000", 1000, 2000, SPREAD, "13.0 s, 11.0 s CPU", "4 s, 3.5 s CPU"),
    Row("anti-1000", 1000, 900, _anti(True), "6.0 s, 5.1 s CPU", "2 s, 1.5 s CPU"),
    Row("plain-5000", 5000, 2000, {}, "8.3 s, 6.4 s CPU", "3 s, 2.5 s CPU"),
    Row("spread-5000", 5000, 2000, SPREAD, "28.0 s, 25.2 s CPU", "5 s, 4.5 s CPU"),
    Row("many-plain", 5000, 10000, {}, "270 pods/s demanded", "810 pods/s"),
    Row("many-node-affinity", 5000, 10000, NODE_AFFINITY, "220 pods/s demanded", "660 pods/s"),
    Row("many-churn", 5000, 10000, {}, "265 pods/s demanded", "795 pods/s", churn=True),
    Row("many-spread", 5000, 10000, SPREAD, "85 pods/s demanded", "255 pods/s"),
    Row("many-anti", 5000, 4500, _anti(True), "60 pods/s demanded", "180 pods/s"),
    Row("many-affinity", 5000, 10000, TOGETHER, "35 pods/s demanded", "105 pods/s"),
    Row("many-preferred", 5000, 10000, _anti(False), "35 pods/s demanded", "105 pods/s"),
    Row("preemption", 1000, 1000, HIGH, "160 pods/s demanded", "480 pods/s", held=4),
    Row("many-preemption", 5000, 5000, HIGH, "160 pods/s demanded", "480 pods/s", held=4),
)


_KINDS: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("plain", {}, 0),
    ("spread", SPREAD, 0),
    ("anti", _anti(True), 0),
    ("preferred", _anti(False), 0),
    ("preemption", HIGH, 4),
)
GROWTH = tuple(
    Row(
        f"{kind}-of-{nodes}",
        nodes,
        min(nodes * 9 // 10, 900) if kind in ("anti", "preemption") else 900,
        spec,
        "-",
        "-",
        held,
    )
    for kind, spec, held in _KINDS
    for nodes in (100, 1000, 5000)
)
"""The same pods on 100, 1,000 and 5,000 nodes: what a node more costs. Named, or all with --growth."""


def node(number: int) -> dict[str, Any]:
    """Return a node of everyday size, in one of ten zones."""
    name = f"node-{number}"
    return {
        "metadata": {"name": name, "labels": {ZONE: f"zone-{number % 10}", HOST: name, "kubernetes.io/os": "linux"}},
        "status": {"allocatable": {"cpu": "4", "memory": "32Gi", "pods": "110"}},
    }


def pod(name: str, cpu: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return a pod that asks for cpu and memory."""
    container = {
        "name": "c",
        "image": "registry.example/web:1",
        "resources": {"requests": {"cpu": cpu, "memory": "500Mi"}},
    }
    return {
        "metadata": {"name": name, "namespace": NS, "labels": {"app": "web"}},
        "spec": {"containers": [container], **spec},
    }


async def at_once(calls: Iterable[Awaitable[Any]], width: int = 64) -> None:
    """Carry out calls, `width` at a time."""
    waiting = iter(calls)

    async def work() -> None:
        for call in waiting:
            await call

    await asyncio.gather(*(work() for _ in range(width)))


@asynccontextmanager
async def apiserver(folder: Path) -> AsyncIterator[ApiClient]:
    """Run an apiserver in this process."""
    clock = SystemClock()
    store = await EmbeddedStore.open(folder / "store", clock=clock)
    api = ApiServer(store, load(), Config(authorization_mode=("AlwaysAllow",)), clock)
    await api.start()
    client = ApiClient(InProcessTransport(api.handler, Peer(user=User("admin", (MASTERS, AUTHENTICATED)), memo={})))
    try:
        await client.create(ACCOUNTS, {"metadata": {"name": "default", "namespace": NS}}, NS)
        yield client
    finally:
        await client.close()
        await api.close()
        await store.close()


async def fill(client: ApiClient, row: Row) -> None:
    """Create the row's nodes and pods."""
    await client.create(PRIORITIES, {"metadata": {"name": "high"}, "value": 1000})
    await at_once(client.create(NODES, node(number)) for number in range(row.nodes))
    # a new node is tainted as not ready, and here is nobody who finds out that it is
    await at_once(client.patch(NODES, f"node-{n}", {"spec": {"taints": None}}) for n in range(row.nodes))
    held = (
        client.create(
            PODS, pod(f"held-{n}-{each}", "900m", {"nodeName": f"node-{n}", "terminationGracePeriodSeconds": 0}), NS
        )
        for n in range(row.nodes)
        for each in range(row.held)
    )
    await at_once(held)
    cpu = "2" if row.held else "100m"
    await at_once(client.create(PODS, pod(f"web-{number}", cpu, row.spec), NS) for number in range(row.pods))


async def churn(client: ApiClient) -> None:
    """Every half second create a node, a service and a pod that fits nowhere, and delete the last ones."""
    number = 0
    while True:
        name = f"churn-{number % 2}"
        await client.create(NODES, {**node(0), "metadata": {"name": name}})
        await client.create(PODS, pod(name, "64", HIGH), NS)
        spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
        await client.create(SERVICES, {"metadata": {"name": name, "namespace": NS}, "spec": spec}, NS)
        await asyncio.sleep(0.5)
        await client.delete(NODES, name)
        await client.delete(PODS, name, NS, grace_period=0)
        await client.delete(SERVICES, name, NS)
        number += 1


class Counter:
    """How many of a row's pods are bound."""

    def __init__(self, informers: Informers, wanted: int) -> None:
        self.bound, self.wanted, self.done = 0, wanted, asyncio.Event()
        informers.of(PODS).on_change(self._changed)

    def _changed(self, before: Any, after: Any) -> None:
        ours = after is not None and after["metadata"]["name"].startswith("web-")
        if ours and after["spec"].get("nodeName") and not (before and before["spec"].get("nodeName")):
            self.bound += 1
            if self.bound >= self.wanted:
                self.done.set()


async def measure(row: Row, profile: bool) -> tuple[float, float]:
    """Return seconds and CPU seconds from the scheduler's start to all bound."""
    with tempfile.TemporaryDirectory() as folder:
        async with apiserver(Path(folder)) as client:
            await fill(client, row)
            garbage.settle()  # as the program does
            informers = Informers(client, SystemClock())
            counter = Counter(informers, row.pods)

            async def run() -> None:
                async with asyncio.TaskGroup() as group:
                    group.create_task(run_scheduler(client, SystemClock(), informers=informers))
                    informers.start(group)

            watcher = cProfile.Profile()
            begin, cpu = time.perf_counter(), time.process_time()
            if profile:
                watcher.enable()
            task = asyncio.create_task(run())
            beside = asyncio.create_task(churn(client)) if row.churn else None
            try:
                await asyncio.wait_for(counter.done.wait(), LIMIT)
            finally:
                took, used = time.perf_counter() - begin, time.process_time() - cpu
                watcher.disable()
                task.cancel()
                if beside is not None:
                    beside.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            if profile:
                pstats.Stats(watcher).sort_stats("tottime").print_stats(45)
            return took, used


def main() -> None:
    """Measure each row in a process of its own, so that none inherits another's memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    chosen = [row for row in (*ROWS, *GROWTH) if row.name in options.rows]
    if not options.rows:
        chosen = list(GROWTH if options.growth else ROWS)
    if len(chosen) > 1:
        for row in chosen:
            subprocess.run(
                [sys.executable, __file__, row.name, *(["--profile"] if options.profile else [])], check=True
            )
        return
    row = chosen[0]
    took, used = uvloop.run(measure(row, options.profile))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{row.name:16} {row.nodes} nodes, {row.pods} pods: {took:.2f} s, {used:.2f} s CPU, {row.pods / took:.0f} pods/s, "
        f"{used / row.pods * 1000:.2f} ms CPU a pod, {peak} MB peak   (upstream {row.upstream}; target {row.target})",
        flush=True,
    )


if __name__ == "__main__":
    main()
