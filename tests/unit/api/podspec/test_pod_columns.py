"""What `kubectl get pods` says of a pod in each of its states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kubern.api.podspec.columns import COLUMNS, Summary, summarize
from kubern.base.json import Obj

NOW = datetime(2026, 1, 1, 1, 0, 0, tzinfo=UTC)
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def ended(reason: str = "", code: int = 0, **more: Any) -> Obj:
    return {"terminated": {"exitCode": code, **({"reason": reason} if reason else {}), **more}}


def waiting(reason: str) -> Obj:
    return {"waiting": {"reason": reason}}


def pod(
    *states: Obj,
    inits: tuple[Obj, ...] = (),
    sidecars: tuple[int, ...] = (),
    ready: bool = True,
    meta: Obj | None = None,
    **status: Any,
) -> Obj:
    containers = [{"name": f"c{i}"} for i in range(max(len(states), 1))]
    init_containers = [
        {"name": f"i{i}", **({"restartPolicy": "Always"} if i in sidecars else {})} for i in range(len(inits))
    ]

    def statuses(prefix: str, found: tuple[Obj, ...]) -> list[Obj]:
        return [
            {
                "name": f"{prefix}{i}",
                "state": s,
                "ready": ready and "running" in s,
                "started": "running" in s,
                "restartCount": 0,
            }
            for i, s in enumerate(found)
        ]

    return {
        "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z", **(meta or {})},
        "spec": {"containers": containers, "initContainers": init_containers},
        "status": {
            "phase": "Running",
            "containerStatuses": statuses("c", states),
            "initContainerStatuses": statuses("i", inits),
            **status,
        },
    }


GATED = [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]
READY = [{"type": "Ready", "status": "True"}]
CASES: list[tuple[str, Obj, str, str]] = [
    ("pending", pod(phase="Pending"), "0/1", "Pending"),
    ("gated", pod(phase="Pending", conditions=GATED), "0/1", "SchedulingGated"),
    ("running", pod(RUNNING), "1/1", "Running"),
    ("not-ready", pod(RUNNING, ready=False), "0/1", "Running"),
    ("creating", pod(waiting("ContainerCreating"), phase="Pending"), "0/1", "ContainerCreating"),
    ("crash", pod(RUNNING, waiting("CrashLoopBackOff")), "1/2", "CrashLoopBackOff"),
    ("completed", pod(ended("Completed"), phase="Succeeded"), "0/1", "Completed"),
    ("error", pod(ended("Error", 1), phase="Failed"), "0/1", "Error"),
    ("exit-code", pod(ended(code=3), phase="Failed"), "0/1", "ExitCode:3"),
    ("signal", pod(ended(code=137, signal=9), phase="Failed"), "0/1", "Signal:9"),
    ("half-done", pod(ended("Completed"), RUNNING), "1/2", "NotReady"),
    ("half-done-ready", pod(ended("Completed"), RUNNING, conditions=READY), "1/2", "Running"),
    ("evicted", pod(phase="Failed", reason="Evicted"), "0/1", "Evicted"),
    ("deleted", pod(RUNNING, meta={"deletionTimestamp": "x"}), "1/1", "Terminating"),
    ("deleted-done", pod(ended("Completed"), phase="Succeeded", meta={"deletionTimestamp": "x"}), "0/1", "Completed"),
    ("lost", pod(RUNNING, reason="NodeLost", meta={"deletionTimestamp": "x"}), "1/1", "Unknown"),
    ("init", pod(waiting("PodInitializing"), inits=(ended("Completed"), RUNNING), phase="Pending"), "0/1", "Init:1/2"),
    (
        "init-waiting",
        pod(waiting("PodInitializing"), inits=(waiting("ImagePullBackOff"),), phase="Pending"),
        "0/1",
        "Init:ImagePullBackOff",
    ),
    ("init-error", pod(waiting("PodInitializing"), inits=(ended("Error", 1),), phase="Pending"), "0/1", "Init:Error"),
    ("init-code", pod(waiting("PodInitializing"), inits=(ended(code=2),), phase="Pending"), "0/1", "Init:ExitCode:2"),
    (
        "initialized",
        pod(waiting("PodInitializing"), inits=(ended("Completed"),), phase="Pending"),
        "0/1",
        "PodInitializing",
    ),
    ("sidecar", pod(RUNNING, inits=(RUNNING,), sidecars=(0,)), "2/2", "Running"),
]


@pytest.mark.parametrize(("obj", "ready", "reason"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_state_in_a_word(obj: Obj, ready: str, reason: str) -> None:
    summary = summarize(obj)
    assert (f"{summary.ready}/{summary.total}", summary.reason) == (ready, reason)


def test_restarts_tell_when_the_last_one_was() -> None:
    obj = pod(RUNNING, RUNNING)
    first, second = obj["status"]["containerStatuses"]
    first.update(restartCount=2, lastState=ended("Error", 1, finishedAt="2026-01-01T00:55:00Z"))
    second.update(restartCount=1, lastState=ended("Error", 1, finishedAt="2026-01-01T00:10:00Z"))
    assert summarize(obj) == Summary(2, 2, "Running", 3, "2026-01-01T00:55:00Z")
    cells = {column.name: column.cell(obj, NOW) for column in COLUMNS}
    assert cells["Restarts"] == "3 (5m ago)"


def test_an_init_containers_restarts_do_not_count_once_it_is_done() -> None:
    obj = pod(RUNNING, inits=(ended("Completed"),))
    obj["status"]["initContainerStatuses"][0]["restartCount"] = 4
    assert summarize(obj).restarts == 0


def test_the_row_of_a_running_pod() -> None:
    obj = pod(RUNNING, podIPs=[{"ip": "10.0.0.7"}], nominatedNodeName="")
    obj["spec"].update(nodeName="n1", readinessGates=[{"conditionType": "a/b"}])
    obj["status"]["conditions"] = [{"type": "a/b", "status": "True"}]
    row = [(column.name, column.priority, column.cell(obj, NOW)) for column in COLUMNS]
    assert row == [
        ("Name", 0, "p"),
        ("Ready", 0, "1/1"),
        ("Status", 0, "Running"),
        ("Restarts", 0, "0"),
        ("Age", 0, "60m"),
        ("IP", 1, "10.0.0.7"),
        ("Node", 1, "n1"),
        ("Nominated Node", 1, "<none>"),
        ("Readiness Gates", 1, "1/1"),
    ]
