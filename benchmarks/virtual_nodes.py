"""What virtual nodes cost: `python benchmarks/virtual_nodes.py [--nodes N] [--pods N]` makes a control plane of its own with
them and takes it away. Each line: wall seconds, CPU seconds and memory of the one process that is the whole control plane, API writes.

Targets: 5,000 nodes Ready within 20 s; 10,000 pods Running within 20 s (kwok's CI allows 60 s for each).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

NAME, PORT = "kubern-virtual-bench", "19543"
KUBECTL = str(Path(sysconfig.get_path("scripts")) / "kubectl")
WRITES = re.compile(r'^apiserver_request_total\{.*verb="(?:POST|PUT|PATCH|APPLY|DELETE)".*\} (\S+)$', re.MULTILINE)
LIMIT = 200.0
"""Seconds after which a row counts as failed."""


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

    def writes(self) -> int:
        return int(sum(float(number) for number in WRITES.findall(self.kubectl("get", "--raw", "/metrics"))))

    def row(self, name: str, work: Callable[[], object], done: Callable[[], bool]) -> None:
        """Do the work, wait until it is done, print the row."""
        cpu, writes = (self.used()[0], self.writes()) if (self.home.parent / "kubeconfig").exists() else (0.0, 0)
        began = time.monotonic()
        work()
        while not (finished := done()) and time.monotonic() - began < LIMIT:
            time.sleep(0.5)
        wall = time.monotonic() - began
        after, memory = self.used()
        said = f"{wall:.1f} s" if finished else f"not within {LIMIT:.0f} s"
        print(f"| {name} | {said} | {after - cpu:.1f} s | {memory} MB | {self.writes() - writes} |", flush=True)

    def deployment_ready(self, replicas: int) -> bool:
        held = json.loads(self.kubectl("get", "deployment", "web", "-o", "json"))
        status = held.get("status") or {}
        counts = {status.get(f"{kind}eplicas", 0) for kind in ("r", "readyR", "updatedR")}
        return counts == {replicas} and status.get("observedGeneration") == held["metadata"]["generation"]


def deployment(replicas: int) -> str:
    labels = {"app": "web"}
    spec = {"containers": [{"name": "c", "image": "example.org/web:1"}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    body = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": body})


def measure(bench: Bench, nodes: int, pods: int) -> None:
    """Print the rows of a cluster of that size."""
    print("| what | time | CPU | memory | API writes |\n| --- | --- | --- | --- | --- |")

    def all_ready() -> bool:
        path = "{range .items[*]}{.status.conditions[?(@.type=='Ready')].status}{' '}{end}"
        return bench.kubectl("get", "nodes", "-o", f"jsonpath={path}").split().count("True") == nodes

    up = ("up", "--nodes", "0", "--virtual-nodes", str(nodes), "--port", PORT)
    bench.row(f"{nodes} nodes Ready, start included", lambda: bench.kubern(*up), all_ready)
    manifest = deployment(pods)
    bench.row(
        f"Deployment of {pods} to all ready",
        lambda: bench.kubectl("apply", "-f", "-", stdin=manifest),
        lambda: bench.deployment_ready(pods),
    )
    bench.row(
        "rolling update of it",
        lambda: bench.kubectl("set", "image", "deployment/web", "c=example.org/web:2"),
        lambda: bench.deployment_ready(pods),
    )
    bench.row("the 20 s after it: heartbeats, and old pods that go", lambda: time.sleep(20), lambda: True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--pods", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kubern-virtual-") as folder:
        bench = Bench(Path(folder) / "state")
        try:
            measure(bench, options.nodes, options.pods)
        finally:
            bench.kubern("down")


if __name__ == "__main__":
    main()
