"""What a cluster costs to start, to run a pod, and to keep: `python benchmarks/cluster.py` as root. It makes a cluster of its own
and takes it away; each figure is the median of its runs.

Published for the moment when DNS answers from a pod (minikube's own comparison): kind 33 s, k3d 20 s, minikube 51 s.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import psutil

NAME = "kubern-bench"
BUSYBOX = "localhost/kubern/busybox:1"
KUBECTL = str(Path(sysconfig.get_path("scripts")) / "kubectl")


class Bench:
    """A cluster's commands with the benchmark's own state."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = os.environ | {"KUBERN_HOME": str(home), "KUBECONFIG": str(home / "kubeconfig")}

    def run(self, *command: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            command, input=stdin, env=self.environment, capture_output=True, text=True, check=True, timeout=120
        )
        return done.stdout

    def kubern(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "kubern", *arguments, "--name", NAME)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.run(KUBECTL, *arguments, stdin=stdin)


def pod(name: str, command: list[str]) -> str:
    container = {"name": "c", "image": BUSYBOX, "command": command}
    spec = {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 0}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def up_to_dns(bench: Bench, nodes: int) -> tuple[float, float]:
    """Return the seconds of `up`, and those until a pod's question to the cluster DNS was answered."""
    began = time.monotonic()
    bench.kubern("up", "--nodes", str(nodes), "--port", "19443")
    up = time.monotonic() - began
    question = "until nslookup kubernetes.default.svc.cluster.local; do sleep 0.05; done"
    bench.kubectl("apply", "-f", "-", stdin=pod("dns", ["sh", "-c", question]))
    bench.kubectl("wait", "pod/dns", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    return up, time.monotonic() - began


def pod_start(bench: Bench, number: int) -> float:
    """Return the seconds from a pod's creation to the API saying that it runs."""
    name = f"p{number}"
    began = time.monotonic()
    bench.kubectl("apply", "-f", "-", stdin=pod(name, ["sleep", "600"]))
    bench.kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Running", "--timeout=30s")
    took = time.monotonic() - began
    bench.kubectl("delete", "pod", name, "--wait=true")
    return took


def memory(bench: Bench) -> dict[str, int]:
    """Return the proportional set size in MB of the control plane and of a node's agent."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if str(bench.home) in command and "-m kubern" in command:
            part = "control plane" if "control-plane" in command else "node agent"
            found[part] = process.memory_full_info().pss >> 20
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=1)
    options = parser.parse_args()
    ups, dns, starts, sizes = [], [], [], []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory(prefix="kubern-bench-") as folder:
            bench = Bench(Path(folder))
            try:
                up, answered = up_to_dns(bench, options.nodes)
                ups.append(up)
                dns.append(answered)
                starts += [pod_start(bench, number) for number in range(5)]
                time.sleep(5)
                sizes.append(memory(bench))
            finally:
                bench.kubern("down")
    rows = [
        ("up to its last line", f"{statistics.median(ups):.1f} s", ""),
        (
            "up to DNS answering from a pod",
            f"{statistics.median(dns):.1f} s",
            "kind 33 s, k3d 20 s, minikube 51 s; target 6 s",
        ),
        (
            "pod created to Running, image present (kubectl's own time included)",
            f"{statistics.median(starts):.2f} s",
            "target 1.5 s",
        ),
        (
            "control plane, idle",
            f"{statistics.median(s['control plane'] for s in sizes):.0f} MB",
            "upstream 500 MB; target 200 MB",
        ),
        ("kubelet and proxy of a node, idle", f"{statistics.median(s['node agent'] for s in sizes):.0f} MB", ""),
    ]
    for what, figure, other in rows:
        print(f"{what:70} {figure:>10}   {other}")


if __name__ == "__main__":
    main()
