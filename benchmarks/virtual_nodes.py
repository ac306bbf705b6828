"""What virtual nodes cost: `python benchmarks/virtual_nodes.py [--nodes N] [--pods N] [--only-up] [--silence]` makes a control plane of its
own with them and takes it away. Each line: wall seconds, CPU seconds and memory of the one process that is the whole control plane, API
writes, and the time within which 99 of 100 requests were answered (all verbs but watches, by the apiserver's own histogram).

The first pods name their node and come one by one through the API, as kwok's own benchmark has them, so that the row can be put
beside its 60 s; the others are in Deployments of at most 5,000, made by controllers and placed by the scheduler. Nodes that fail are
deleted, as a cloud's controller does with machines that are gone: their pods are collected 40 s later. With `--silence` they stop their
heartbeats instead, by one rule in a ConfigMap, and the pods tolerate that for 10 s. The row then has the whole node life cycle: 50 s until
the nodes are Unknown, evictions at its rate (a node every 10 s, so that more than 300 nodes take longer than a row may), and another row
their return. Targets: 5,000 nodes Ready within 20 s; 10,000 pods Running within 20 s (kwok's CI allows 60 s for each); with 5,000 nodes
and 50,000 pods, 99 of 100 requests within 1 s.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

NAME, PORT = "kubern-virtual-bench", "19543"
KUBECTL = str(Path(sysconfig.get_path("scripts")) / "kubectl")
WRITES = re.compile(r'^apiserver_request_total\{.*verb="(?:POST|PUT|PATCH|APPLY|DELETE)".*\} (\S+)$', re.MULTILINE)
LATENCY = re.compile(
    r'^apiserver_request_duration_seconds_bucket\{.*verb="(?!WATCH|CONNECT)[A-Z]+".*le="([^"]+)".*\} (\S+)$',
    re.MULTILINE,
)
STAYING = "{{range .items}}{{if not .metadata.deletionTimestamp}}{{.spec.nodeName}} {{end}}{{end}}"
LIMIT = 420.0
"""Seconds after which a row counts as failed."""
EACH = 5000
"""Replicas of a Deployment."""
AT_ONCE = 32
"""Requests under way when pods are created one by one."""


class Bench:
    """The control plane's commands, and what its process has used."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = os.environ | {
            "KUBERN_HOME": str(home), "KUBECONFIG": str(home.parent / "kubeconfig"), "PATH": "/nonexistent"
        }  # fmt: skip

    def run(self, *command: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            command, input=stdin, env=self.environment, capture_output=True, text=True, check=True, timeout=LIMIT
        )
        return done.stdout

    def kubern(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "kubern", *arguments, "--name", NAME)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.run(KUBECTL, *arguments, stdin=stdin)

    def used(self) -> tuple[float, int]:
        """Return CPU seconds and MB of the control plane."""
        for process in psutil.process_iter(["cmdline"]):
            command = " ".join(process.info["cmdline"] or ())
            if str(self.home) in command and "control-plane" in command:
                times = process.cpu_times()
                return times.user + times.system, process.memory_full_info().pss >> 20
        return 0.0, 0

    def counted(self) -> tuple[int, Counter[float]]:
        """Return the API writes so far, and how many requests were answered within so many seconds."""
        if not (self.home.parent / "kubeconfig").exists():
            return 0, Counter()
        text = self.kubectl("get", "--raw", "/metrics")
        within: Counter[float] = Counter()
        for limit, count in LATENCY.findall(text):
            within[float(limit)] += int(float(count))
        return int(sum(float(number) for number in WRITES.findall(text))), within

    def row(self, name: str, work: Callable[[], object], done: Callable[[], bool]) -> None:
        """Do the work, wait until it is done, print the row."""
        cpu, (writes, within) = self.used()[0], self.counted()
        began = time.monotonic()
        work()
        while not (finished := done()) and time.monotonic() - began < LIMIT:
            time.sleep(0.5)
        wall = time.monotonic() - began
        after, memory = self.used()
        said = f"{wall:.1f} s" if finished else f"not within {LIMIT:.0f} s"
        written, answered = self.counted()
        print(
            f"| {name} | {said} | {after - cpu:.1f} s | {memory} MB | {written - writes} | {p99(answered - within)} |",
            flush=True,
        )

    def deployments_ready(self, replicas: int) -> bool:
        found = json.loads(self.kubectl("get", "deployments", "-o", "json"))["items"]
        return sum(each["spec"]["replicas"] for each in found) == replicas and all(map(is_ready, found))


async def create_bound(config: dict[str, Any], nodes: int, pods: int) -> None:
    """Create pods that name their node, spread over all virtual nodes, in namespace `bound`; `config` is a kubeconfig."""
    import aiohttp

    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
        pair.flush()
        context.load_cert_chain(pair.name)
    numbers = iter(range(pods))
    connector = aiohttp.TCPConnector(ssl=context, limit=AT_ONCE)
    async with aiohttp.ClientSession(cluster["server"], connector=connector) as session, asyncio.TaskGroup() as group:

        async def create() -> None:
            for number in numbers:
                body = bound_pod(number, f"virtual-{number % nodes + 1}")
                async with session.post("/api/v1/namespaces/bound/pods", json=body) as answer:
                    if answer.status != 201:
                        raise SystemExit(await answer.text())

        for _ in range(AT_ONCE):
            group.create_task(create())


def bound_pod(number: int, node: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "fake-pod", "image": "fake"}], "nodeName": node}
    metadata = {"name": f"fake-pod-{number}", "labels": {"app": "fake-pod"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def p99(within: Counter[float]) -> str:
    """Return the bound of the bucket in which the 99th of 100 requests is."""
    wanted = 0.99 * within[float("inf")]
    limit = min((bound for bound, count in within.items() if count >= wanted), default=float("inf"))
    return f"{limit:g} s"


def is_ready(held: dict[str, Any]) -> bool:
    """Tell whether a Deployment has all its replicas, new and ready."""
    status = held.get("status") or {}
    counts = {status.get(f"{kind}eplicas", 0) for kind in ("r", "readyR", "updatedR")}
    return counts == {held["spec"]["replicas"]} and status.get("observedGeneration") == held["metadata"]["generation"]


def deployment(name: str, replicas: int, patient: float) -> dict[str, Any]:
    """Return a Deployment whose pods stay on a node that is lost for so many seconds."""
    labels = {"app": name}
    lost = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": patient}
    tolerations = [{"key": f"node.kubernetes.io/{key}", **lost} for key in ("unreachable", "not-ready")]
    spec = {"containers": [{"name": "c", "image": "example.org/web:1"}], "tolerations": tolerations}
    template = {"metadata": {"labels": labels}, "spec": spec}
    body = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body}


def silent(first: int) -> dict[str, Any]:
    """Return the rule that has so many nodes stop their heartbeats."""
    metadata = {"name": "virtual-nodes", "namespace": "kube-system"}
    rule = [{"first": first, "script": {"silent": True}}]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"nodes.yaml": json.dumps(rule)}}


def measure(bench: Bench, nodes: int, pods: int, only_up: bool, silence: bool) -> None:
    """Print the rows of a cluster of that size."""
    print("| what | time | CPU | memory | API writes | p99 |\n| --- | --- | --- | --- | --- | --- |")

    def all_ready() -> bool:
        path = "{range .items[*]}{.status.conditions[?(@.type=='Ready')].status}{' '}{end}"
        return bench.kubectl("get", "nodes", "-o", f"jsonpath={path}").split().count("True") == nodes

    up = ("up", "--nodes", "0", "--virtual-nodes", str(nodes), "--port", PORT)
    bench.row(f"{nodes} nodes Ready, start included", lambda: bench.kubern(*up), all_ready)
    bench.kubectl("create", "namespace", "bound")
    config = json.loads(bench.kubectl("config", "view", "--raw", "-o", "json"))

    def running() -> bool:
        return not bench.kubectl("get", "pods", "-n", "bound", "--field-selector=status.phase!=Running", "-o", "name")

    def gone() -> bool:
        return not bench.kubectl("get", "pods", "-n", "bound", "-o", "name")

    bench.row(
        f"{pods} pods that name their node to Running",
        lambda: asyncio.run(create_bound(config, nodes, pods)),
        running,
    )
    together = ("delete", "pods", "-n", "bound", "--all", "--grace-period=1", "--wait=false")
    bench.row(f"{pods} pods deleted by kubectl, to gone", lambda: bench.kubectl(*together), gone)
    made = [
        deployment(f"web-{n}", min(EACH, pods - n * EACH), 10 if silence else 300)
        for n in range((pods + EACH - 1) // EACH)
    ]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})

    def settled() -> bool:
        return bench.deployments_ready(pods)

    bench.row(f"{pods} pods to all ready", lambda: bench.kubectl("apply", "-f", "-", stdin=manifest), settled)
    if not only_up:
        image = ("set", "image", "deployment", "--all", "c=example.org/web:2")
        bench.row("rolling update of them", lambda: bench.kubectl(*image), settled)
        lost = [f"virtual-{number}" for number in range(1, nodes // 10 + 1)]

        def replaced() -> bool:
            # a node that is silent lets go of no pod: those that are being deleted have been replaced all the same
            listed = bench.kubectl("get", "pods", "-o", f"go-template={STAYING}").split()
            return settled() and not set(listed) & set(lost)

        if silence:
            rules = json.dumps(silent(len(lost)))
            bench.row(
                "10 % of the nodes go silent, to all replaced",
                lambda: bench.kubectl("create", "-f", "-", stdin=rules),
                replaced,
            )
            again = ("delete", "configmap", "virtual-nodes", "-n", "kube-system")
            bench.row("they come back, to Ready", lambda: bench.kubectl(*again), all_ready)
        else:
            gone_nodes = ("delete", "node", *lost)
            bench.row("10 % of the nodes fail, to all replaced", lambda: bench.kubectl(*gone_nodes), replaced)
    bench.row("the 60 s after it: heartbeats, and old pods that go", lambda: time.sleep(60), lambda: True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--only-up", action="store_true", help="No rolling update, no failing nodes.")
    parser.add_argument("--silence", action="store_true", help="Nodes that fail go silent, and come back.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kubern-virtual-") as folder:
        bench = Bench(Path(folder) / "state")
        try:
            measure(bench, options.nodes, options.pods, options.only_up, options.silence)
        finally:
            bench.kubern("down")


if __name__ == "__main__":
    main()
