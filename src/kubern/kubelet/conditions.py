"""A pod's conditions. Pure; used by `status`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.kubelet.podspec import INIT, steps

READY_TO_START = "PodReadyToStartContainers"
OWN = (READY_TO_START, "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""The types that the kubelet writes; all others belong to somebody else."""


def conditions(
    pod: Obj, status: Obj, *, sandbox_ready: bool, now: datetime, previous: Mapping[str, Any] | None = None
) -> list[Obj]:
    """Return the kubelet's conditions in upstream's order, then everybody else's as the pod has them.

    A condition whose status is the same as in the `previous` status (else the pod's) keeps its transition time.
    """
    old = {each["type"]: each for each in (pod.get("status") or {}).get("conditions") or ()}
    containers = _containers_ready(pod, status)
    fresh = [
        _condition(READY_TO_START, sandbox_ready),
        _initialized(pod, status),
        _ready(pod, containers, old),
        containers,
        _condition("PodScheduled", True),
    ]
    told = old | {each["type"]: each for each in (previous or {}).get("conditions") or ()}
    for each in fresh:
        before = told.get(each["type"])
        same = before is not None and before["status"] == each["status"] and before.get("lastTransitionTime")
        each["lastTransitionTime"] = before["lastTransitionTime"] if before is not None and same else rfc3339(now)
        each["lastProbeTime"] = None
        if "generation" in pod["metadata"]:
            each["observedGeneration"] = pod["metadata"]["generation"]
    return fresh + [each for kind, each in old.items() if kind not in OWN]


def _condition(kind: str, holds: bool, reason: str = "", message: str = "") -> Obj:
    found: Obj = {"type": kind, "status": "True" if holds else "False"}
    if reason:
        found["reason"] = reason
    return found | {"message": message} if message else found


def _initialized(pod: Obj, status: Obj) -> Obj:
    if status["phase"] == "Succeeded":
        return _condition("Initialized", True, "PodCompleted")
    roles = {step.name: step.role for step in steps(pod)}
    begun = any("waiting" not in each["state"] or each["lastState"] for each in status.get("containerStatuses") or ())
    waiting = [
        each["name"]
        for each in status.get("initContainerStatuses") or ()
        if not (each["ready"] if roles.get(each["name"]) == INIT else each.get("started"))
    ]
    if waiting and not begun:
        text = f"containers with incomplete status: [{' '.join(waiting)}]"
        return _condition("Initialized", False, "ContainersNotInitialized", text)
    return _condition("Initialized", True)


def _containers_ready(pod: Obj, status: Obj) -> Obj:
    if status["phase"] == "Succeeded":
        return _condition("ContainersReady", False, "PodCompleted")
    if status["phase"] == "Failed":
        return _condition("ContainersReady", False, "PodFailed")
    roles = {step.name: step.role for step in steps(pod)}
    both: Iterable[Obj] = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    unready = [each["name"] for each in both if not each["ready"] and roles.get(each["name"]) != INIT]
    if unready:
        text = f"containers with unready status: [{' '.join(unready)}]"
        return _condition("ContainersReady", False, "ContainersNotReady", text)
    return _condition("ContainersReady", True)


def _ready(pod: Obj, containers: Obj, old: dict[str, Obj]) -> Obj:
    if containers["status"] != "True":
        return containers | {"type": "Ready"}
    problems = []
    for gate in pod["spec"].get("readinessGates") or ():
        kind = gate["conditionType"]
        if kind not in old:
            problems.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif old[kind]["status"] != "True":
            problems.append(f'the status of pod readiness gate "{kind}" is not "True", but {old[kind]["status"]}')
    if problems:
        return _condition("Ready", False, "ReadinessGatesNotReady", ", ".join(problems))
    return _condition("Ready", True)
