"""What a pod's status says."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.kubelet.decide import Checks
from kubern.kubelet.observed import Observed
from kubern.kubelet.publishing import patch, same
from kubern.kubelet.runtime.contract import CREATED, EXITED
from kubern.kubelet.status import Known, Verdict, Waiting, pod_status
from tests.unit.kubelet.pods import NOW, container, holds, pod, sandbox


def status(spec: dict[str, Any], seen: Observed, **known: Any) -> dict[str, Any]:
    return pod_status(spec, seen, Known(now=NOW, start_time=NOW, **({"pod_ips": ("10.0.0.1",)} | known)))


def conditions(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in found["conditions"]}


DEAD = (sandbox(ready=False),)
INIT = {"initContainers": [{}]}
PHASES = {
    "nothing yet": (pod(), holds(sandboxes=()), {}, "Pending"),
    "created only": (pod(), holds(container("c0", CREATED)), {}, "Pending"),
    "running": (pod(), holds(container("c0")), {}, "Running"),
    "one of two runs": (pod({}, {}), holds(container("c0")), {}, "Pending"),
    "crashed, will restart": (pod(), holds(container("c0", EXITED, 1)), {}, "Running"),
    "initializing": (pod(**INIT), holds(container("i0")), {}, "Pending"),
    "init failed, will restart": (pod(**INIT), holds(container("i0", EXITED, 1)), {}, "Pending"),
    "init failed for good": (pod(**INIT, restartPolicy="Never"), holds(container("i0", EXITED, 1)), {}, "Failed"),
    "succeeded": (pod(restartPolicy="Never"), holds(container("c0", EXITED)), {}, "Succeeded"),
    "failed": (pod({}, {}, restartPolicy="Never"), holds(container("c0", EXITED), container("c1", EXITED, 1)), {}, "Failed"),
    "failed, OnFailure": (pod(restartPolicy="OnFailure"), holds(container("c0", EXITED, 1)), {}, "Running"),
    "a sidecar still runs": (
        pod(initContainers=[{"restartPolicy": "Always"}], restartPolicy="Never"),
        holds(container("i0"), container("c0", EXITED)), {}, "Running",
    ),
    "evicted": (pod(), holds(container("c0")), {"verdict": Verdict("Evicted", "m")}, "Failed"),
    "deleted, ended well": (pod(), holds(container("c0", EXITED), sandboxes=DEAD), {"ended": True}, "Succeeded"),
    "deleted, killed": (pod(), holds(container("c0", EXITED, 137), sandboxes=DEAD), {"ended": True}, "Failed"),
    "deleted before it ran": (pod(), holds(sandboxes=()), {"ended": True}, "Failed"),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "seen", "known", "phase"), PHASES.values(), ids=PHASES.keys())
def test_phase(spec: dict[str, Any], seen: Observed, known: dict[str, Any], phase: str) -> None:
    assert status(spec, seen, **known)["phase"] == phase


def test_an_ended_phase_stays() -> None:
    spec = pod() | {"status": {"phase": "Failed", "reason": "Evicted", "message": "m"}}
    found = status(spec, holds(container("c0")))
    assert (found["phase"], found["reason"]) == ("Failed", "Evicted")


def test_a_running_ready_pod() -> None:
    found = status(pod(), holds(container("c0")), host_ips=("192.0.2.1",))
    assert all(each["status"] == "True" for each in found["conditions"])
    (c0,) = found["containerStatuses"]
    assert c0["state"] == {"running": {"startedAt": "2025-12-31T23:59:20Z"}}
    assert (c0["ready"], c0["started"], c0["restartCount"]) == (True, True, 0)
    assert (c0["containerID"], c0["imageID"]) == ("containerd://c0-0", "sha256:1")
    assert (found["podIP"], found["podIPs"]) == ("10.0.0.1", [{"ip": "10.0.0.1"}])
    assert (found["hostIP"], found["startTime"]) == ("192.0.2.1", "2026-01-01T00:00:00Z")


def test_unready_containers_are_named() -> None:
    seen = holds(container("c0"), container("c1"))
    found = conditions(status(pod({}, {}), seen, checks={"c1": Checks(ready=False)}))
    assert found["Ready"]["status"] == "False"
    assert found["Ready"]["reason"] == "ContainersNotReady"
    assert found["ContainersReady"]["message"] == "containers with unready status: [c1]"


def test_initializing_is_said() -> None:
    found = status(pod(**INIT), holds(container("i0")))
    initialized = conditions(found)["Initialized"]
    assert (initialized["status"], initialized["reason"]) == ("False", "ContainersNotInitialized")
    assert initialized["message"] == "containers with incomplete status: [i0]"
    assert found["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}


def test_succeeded_conditions() -> None:
    found = conditions(status(pod(restartPolicy="Never"), holds(container("c0", EXITED))))
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", "PodCompleted")
    assert found["Initialized"] | {"status": "True", "reason": "PodCompleted"} == found["Initialized"]


def test_readiness_gates() -> None:
    spec = pod(readinessGates=[{"conditionType": "example.com/x"}])
    found = conditions(status(spec, holds(container("c0"))))
    assert found["ContainersReady"]["status"] == "True"
    assert found["Ready"]["reason"] == "ReadinessGatesNotReady"
    gate = {"type": "example.com/x", "status": "True"}
    found = conditions(status(spec | {"status": {"conditions": [gate]}}, holds(container("c0"))))
    assert found["Ready"]["status"] == "True"
    assert found["example.com/x"] == gate


def test_back_off_shows_the_last_end() -> None:
    found = status(pod(), holds(container("c0", EXITED, 3)), backing_off={"c0": 20}, messages={"c0-0": "bye"})
    (c0,) = found["containerStatuses"]
    assert c0["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    ended = c0["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "bye")


def test_a_restarted_container_keeps_its_last_end() -> None:
    seen = holds(container("c0", EXITED, 137, reason="OOMKilled"), container("c0", restarts=1))
    (c0,) = status(pod(), seen)["containerStatuses"]
    assert c0["restartCount"] == 1
    assert c0["lastState"]["terminated"]["reason"] == "OOMKilled"


def test_waiting_reasons() -> None:
    (c0,) = status(pod(), holds(), waiting={"c0": Waiting("ErrImagePull", "no")})["containerStatuses"]
    assert c0["state"] == {"waiting": {"reason": "ErrImagePull", "message": "no"}}
    (c0,) = status(pod(), holds())["containerStatuses"]
    assert c0["state"] == {"waiting": {"reason": "ContainerCreating"}}


def test_a_condition_keeps_its_time_while_it_stays_the_same() -> None:
    old = status(pod(), holds(container("c0")))
    for each in old["conditions"]:
        each["lastTransitionTime"] = "2020-01-01T00:00:00Z"
    found = conditions(status(pod(), holds(container("c0")), previous=old, checks={"c0": Checks(ready=False)}))
    assert found["Initialized"]["lastTransitionTime"] == "2020-01-01T00:00:00Z"
    assert found["Ready"]["lastTransitionTime"] == "2026-01-01T00:00:00Z"


def test_host_network_pods_have_the_nodes_address() -> None:
    found = status(pod(hostNetwork=True), holds(container("c0")), host_ips=("192.0.2.1",), pod_ips=())
    assert found["podIP"] == "192.0.2.1"
    assert conditions(found)["PodReadyToStartContainers"]["status"] == "True"


def test_the_patch_leaves_others_conditions_and_replaces_addresses() -> None:
    old = {"podIPs": [{"ip": "a"}], "reason": "x", "phase": "Running"}
    new = {"podIPs": [{"ip": "b"}], "phase": "Running", "conditions": [{"type": "Ready"}, {"type": "example.com/x"}]}
    assert patch(old, new) == {
        "reason": None,
        "podIPs": [{"$patch": "replace"}, {"ip": "b"}],
        "conditions": [{"type": "Ready"}],
    }


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"a": None}, {}, True),
        ({"a": {}}, {"a": None}, True),
        ({"a": [1]}, {"a": [2]}, False),
        ({"a": 0}, {}, False),
        ({"a": False}, {"a": None}, False),
    ],
)
def test_sameness(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal
