"""The node: what it reports, whom it takes in, its control groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubern.kubelet.admission import admit
from kubern.kubelet.cgroups import Cgroups, Hierarchy, hierarchies
from kubern.kubelet.machine import Machine, Usage
from kubern.kubelet.node_object import Report, allocatable, node_object, node_status, not_ready, significant
from kubern.kubelet.runtime.contract import Condition, Image, Version
from kubern.kubelet.settings import Settings
from tests.unit.kubelet.pods import NOW, pod

MACHINE = Machine(2, 8 << 30, 100 << 30, "amd64", "6.1", "Linux", "m", "s", "b", 0)
SETTINGS = Settings("n1", node_ips=("192.0.2.1",), node_labels={"zone": "a"}, pod_cidr="10.1.0.0/24")
USAGE = Usage(4 << 30, 50 << 30, 100 << 30, 30000, 32768)
WELL = (Condition("RuntimeReady", True), Condition("NetworkReady", True))


def report(**changes: Any) -> Report:
    values = {"usage": USAGE, "runtime": WELL, "version": Version("containerd", "1.6", "v1"), "images": [], "now": NOW}
    return Report(**(values | changes))


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def test_a_well_node() -> None:
    status = node_status(MACHINE, SETTINGS, report(), {})
    assert conditions(status) == {
        "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
        "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID"),
        "Ready": ("True", "KubeletReady"),
    }
    assert status["addresses"] == [
        {"type": "InternalIP", "address": "192.0.2.1"},
        {"type": "Hostname", "address": "n1"},
    ]
    assert status["nodeInfo"]["containerRuntimeVersion"] == "containerd://1.6"


def test_pressure() -> None:
    short = Usage(50 << 20, 5 << 30, 100 << 30, 100, 32768)
    found = conditions(node_status(MACHINE, SETTINGS, report(usage=short), {}))
    assert [found[kind][0] for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")] == ["True"] * 3


@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        (WELL, ""),
        (None, "container runtime is down"),
        (
            (WELL[0], Condition("NetworkReady", False, "NetworkPluginNotReady", "no cni")),
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no cni",
        ),
    ],
)
def test_why_a_node_is_not_ready(runtime: Any, message: str) -> None:
    assert not_ready(runtime) == message


def test_transition_times_and_what_is_worth_writing() -> None:
    first = node_status(MACHINE, SETTINGS, report(), {})
    for each in first["conditions"]:
        each["lastTransitionTime"] = each["lastHeartbeatTime"] = "2020-01-01T00:00:00Z"
    again = node_status(MACHINE, SETTINGS, report(), first)
    assert significant(again) == significant(first)
    down = node_status(MACHINE, SETTINGS, report(runtime=None), first)
    assert down["conditions"][-1]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert significant(down) != significant(first)


def test_what_can_be_allocated() -> None:
    reserved = Settings("n1", system_reserved={"cpu": "250m", "memory": "1Gi"})
    found = allocatable(MACHINE, reserved)
    assert found["cpu"] == "1750m"
    assert found["memory"] == f"{(7 << 20) - (100 << 10)}Ki"
    assert found["pods"] == "110"


def test_registration() -> None:
    found = node_object(
        MACHINE, Settings("n1", node_labels={"zone": "a"}, taints=({"key": "k", "effect": "NoExecute"},))
    )
    labels = found["metadata"]["labels"]
    assert labels["kubernetes.io/hostname"] == "n1"
    assert (labels["kubernetes.io/os"], labels["kubernetes.io/arch"], labels["zone"]) == ("linux", "amd64", "a")
    assert found["spec"]["taints"] == [{"key": "k", "effect": "NoExecute"}]


def test_the_largest_images_are_reported() -> None:
    images = [Image(str(n), (f"a:{n}",), size=n) for n in range(60)]
    found = node_status(MACHINE, SETTINGS, report(images=images), {})["images"]
    assert len(found) == 50
    assert found[0] == {"names": ["a:59"], "sizeBytes": 59}


CPU2 = {"resources": {"requests": {"cpu": "2"}}}
PORT = {"ports": [{"containerPort": 80, "hostPort": 80}]}
LABELS = {"zone": "a", "size": "5"}


def affinity(key: str, operator: str, *values: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}}


@pytest.mark.parametrize(
    ("spec", "others", "reason"),
    [
        (pod(CPU2), [], ""),
        (pod(CPU2), [pod(CPU2)], "OutOfcpu"),
        (pod({"resources": {"requests": {"memory": "9Gi"}}}), [], "OutOfmemory"),
        (pod({"resources": {"limits": {"example.com/gpu": "1"}}}), [], "OutOfexample.com/gpu"),
        (pod(), [pod()] * 3, "OutOfpods"),
        (pod(nodeSelector={"zone": "a"}), [], ""),
        (pod(nodeSelector={"zone": "b"}), [], "NodeAffinity"),
        (pod(**affinity("zone", "In", "a", "b")), [], ""),
        (pod(**affinity("zone", "NotIn", "a")), [], "NodeAffinity"),
        (pod(**affinity("none", "Exists")), [], "NodeAffinity"),
        (pod(**affinity("none", "DoesNotExist")), [], ""),
        (pod(**affinity("size", "Gt", "4")), [], ""),
        (pod(**affinity("size", "Lt", "5")), [], "NodeAffinity"),
        (pod(PORT), [pod(PORT)], "NodePorts"),
        (pod({"ports": [{"containerPort": 80, "hostPort": 80, "protocol": "UDP"}]}), [pod(PORT)], ""),
    ],
)
def test_admission(spec: dict[str, Any], others: list[dict[str, Any]], reason: str) -> None:
    found = admit(spec, others, {"cpu": "3", "memory": "8Gi", "pods": "3"}, LABELS)
    assert (found.reason if found else "") == reason


def test_a_refusal_says_how_much_is_missing() -> None:
    found = admit(pod(CPU2), [pod(CPU2)], {"cpu": "3"}, {})
    assert found is not None
    assert found.message == (
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 2000, capacity: 3000"
    )


def test_hierarchies_are_read_from_the_mount_table() -> None:
    table = (
        "cgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup /c/systemd cgroup rw,name=systemd 0 0\nx /c/u cgroup2 rw 0 0\n"
    )
    assert hierarchies(table) == [
        Hierarchy(Path("/c/cpu"), frozenset({"cpu", "cpuacct"})),
        Hierarchy(Path("/c/systemd"), frozenset({"name"})),
        Hierarchy(Path("/c/u"), frozenset()),
    ]


LIMITED = {"resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m", "memory": "1Mi"}}}


async def test_a_pods_group_is_made_and_removed_in_every_hierarchy(tmp_path: Path) -> None:
    groups = Cgroups("/k/n1", [Hierarchy(tmp_path / "cpu", frozenset({"cpu"})), Hierarchy(tmp_path / "u", frozenset())])
    assert await groups.ensure(pod(LIMITED)) == "/k/n1/kubepods/burstable/podu"
    assert (tmp_path / "cpu/k/n1/kubepods/burstable/podu").is_dir()
    assert (tmp_path / "u/k/n1/kubepods/burstable/podu").is_dir()
    assert groups.pods() == {"u"}
    await groups.remove("u")
    assert groups.pods() == set()


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (pod(), "/kubepods/besteffort/podu"),
        (pod(LIMITED), "/kubepods/burstable/podu"),
        (pod({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}), "/kubepods/podu"),
    ],
)
def test_group_paths(spec: dict[str, Any], path: str) -> None:
    assert Cgroups("/", []).parent(spec) == path
