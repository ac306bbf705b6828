"""Our scheduler on an upstream kube-apiserver, an upstream kube-scheduler on ours: `python -m tests.api.upstream.peers` and both paths.

They are upstream's programs, kube-apiserver first, of any version that the machine has; v1.20.2 can be built from Debian's source
package of Kubernetes with Go 1.15. Not part of the test run, which cannot build them. Each scheduler gets the same pods, and what must
hold of a placement is checked, not the placement itself: both choose among equals by chance.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.api.conftest import Api, Apiserver, Authority, kubeconfig
from tests.etcd import Etcd, free_ports

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
PODS = "/api/v1/namespaces/peers/pods"
LIMIT = 60.0
NOWHERE = "0/6 nodes are available: 6 Insufficient cpu."


def _node(name: str, zone: str) -> Any:
    amounts = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    status = {"capacity": amounts, "allocatable": amounts, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name, "labels": {HOST: name, ZONE: zone}}, "status": status}


def _pod(name: str, app: str = "", cpu: str = "100m", **spec: Any) -> Any:
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}
    labels = {"app": app or name}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"containers": [container], **spec}}


def _pods() -> Iterator[Any]:
    yield from (_pod(f"plain-{i}") for i in range(12))
    selector = {"matchLabels": {"app": "spread"}}
    spread = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}
    yield from (_pod(f"spread-{i}", "spread", topologySpreadConstraints=[spread]) for i in range(6))
    term = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "apart"}}}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    yield from (_pod(f"apart-{i}", "apart", affinity=apart) for i in range(7))
    yield _pod("big", cpu="100")
    yield _pod("chosen", nodeSelector={HOST: "n3"})


def placed(api: Api) -> dict[str, str]:
    """Make six nodes in three zones and the pods; return each pod's node once all but two have one. Raises `AssertionError` in time."""
    assert api("POST", "/api/v1/namespaces", {"metadata": {"name": "peers"}}).code == 201
    account = {"metadata": {"name": "default"}}
    assert api("POST", "/api/v1/namespaces/peers/serviceaccounts", account).code == 201
    for i in range(6):
        made = api("POST", "/api/v1/nodes", _node(f"n{i}", f"z{i % 3}")).body
        made["spec"].pop("taints", None)
        assert api("PUT", f"/api/v1/nodes/n{i}", made).code == 200
    wanted = [*_pods()]
    for pod in wanted:
        assert api("POST", PODS, pod).code == 201
    deadline = time.monotonic() + LIMIT
    while True:
        found = api("GET", PODS).body["items"]
        nodes = {pod["metadata"]["name"]: pod["spec"].get("nodeName", "") for pod in found}
        told = [pod for pod in found if pod.get("status", {}).get("conditions")]
        if sum(map(bool, nodes.values())) == len(wanted) - 2 and len(told) == len(wanted):
            return nodes
        assert time.monotonic() < deadline, nodes


def check(nodes: dict[str, str], api: Api) -> None:
    """Check what must hold of the placement and of what is said of the two pods that fit nowhere."""
    zones = Counter(int(node[1:]) % 3 for name, node in nodes.items() if name.startswith("spread-"))
    apart = [node for name, node in nodes.items() if name.startswith("apart-") and node]
    assert {*zones.values()} == {2}, nodes
    assert len({*apart}) == len(apart) == 6, nodes
    assert nodes["chosen"] == "n3"
    assert not nodes["big"]
    _wait(lambda: len(_events(api, "Scheduled")) == len(nodes) - 2)
    _wait(lambda: any(said.startswith(NOWHERE) for said in _events(api, "FailedScheduling")))


def _events(api: Api, reason: str) -> list[str]:
    events = api("GET", "/api/v1/namespaces/peers/events").body["items"]
    return [event["message"] for event in events if event["reason"] == reason]


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _upstream(program: str, authority: Authority, directory: Path) -> Iterator[Api]:
    """An upstream apiserver on an etcd of its own."""
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    signing = directory / "sa.key"
    signing.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    serving = authority.issue("upstream", "kube-apiserver", server=True)
    admin = authority.issue("admin-of-upstream", "admin", ("system:masters",))
    (port,) = free_ports(1)
    url = f"https://127.0.0.1:{port}"
    with ExitStack() as stack:
        etcd = stack.enter_context(Etcd())
        flags = {
            "etcd-servers": etcd.urls[0], "secure-port": port, "bind-address": "127.0.0.1", "authorization-mode": "RBAC",
            "tls-cert-file": serving[0], "tls-private-key-file": serving[1], "client-ca-file": authority.file,
            "service-account-issuer": "https://kubernetes", "service-account-key-file": signing,
            "service-account-signing-key-file": signing, "disable-admission-plugins": "ServiceAccount",
        }  # fmt: skip
        command = [program, *(f"--{name}={value}" for name, value in flags.items())]
        stack.enter_context(_running(command, directory / "apiserver.log"))
        api = Api(url, authority.file, *admin, kubeconfig(directory, url, authority.file, *admin))
        _wait(lambda: api("GET", "/readyz").code == 200)
        yield api


def _wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            if ready():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline


def main(apiserver: str, scheduler: str) -> None:
    """Run both pairs and say which placements held."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        base = Path(name)
        for part in ("pki", "ours", "theirs"):
            (base / part).mkdir()
        authority = Authority(base / "pki")
        ours = Apiserver(base / "ours", authority)
        stack.callback(ours.stop)
        own = ours.start()
        theirs = stack.enter_context(_upstream(apiserver, authority, base / "theirs"))
        # budgets of this scheduler's version are no longer served
        upstreams = [scheduler, f"--kubeconfig={own.kubeconfig}", "--feature-gates=PodDisruptionBudget=false"]
        kubern = [sys.executable, "-m", "kubern", "scheduler", f"--kubeconfig={theirs.kubeconfig}"]
        pairs = (
            ("upstream's scheduler, our apiserver", upstreams, own),
            ("our scheduler, upstream's apiserver", kubern, theirs),
        )
        for title, command, api in pairs:
            with _running(command, base / "scheduler.log"):
                began = time.monotonic()
                check(placed(api), api)
                print(f"{title}: all placed as they must be, {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:3])
