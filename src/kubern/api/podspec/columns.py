"""The columns that `kubectl get pods` shows, and the one word that sums up a pod's state.

Called by the Pod resource; `reason` also serves whoever has to explain a pod in a word. Everything is read from the status.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from kubern.api.columns import age_of, ago
from kubern.api.podspec.containers import is_sidecar
from kubern.api.resource import Column
from kubern.base.json import Obj

NONE = "<none>"


class Summary(NamedTuple):
    """A pod in a line: containers ready of all, the state, restarts, and when the last restart's predecessor ended ("" never)."""

    ready: int
    total: int
    reason: str
    restarts: int
    last_restart: str


class _Tally:
    """Restarts and ready containers, counted while walking the statuses."""

    def __init__(self) -> None:
        self.ready = 0
        self.restarts = 0
        self.last_restart = ""

    def count(self, status: Obj) -> None:
        self.restarts += status.get("restartCount") or 0
        ended = (status.get("lastState") or {}).get("terminated") or {}
        # RFC 3339 times in UTC of equal precision sort as text
        self.last_restart = max(self.last_restart, ended.get("finishedAt") or "")


def summarize(pod: Obj) -> Summary:
    """Return what the columns say of a pod."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    inits = {c.get("name"): c for c in spec.get("initContainers") or ()}
    total = len(spec.get("containers") or ()) + sum(map(is_sidecar, inits.values()))
    reason = _phase_reason(status)
    all_inits, sidecars = _Tally(), _Tally()
    init_reason = _init_reason(status, inits, all_inits, sidecars)
    tally = all_inits
    tally.ready = sidecars.ready
    if not init_reason or _condition(status, "Initialized"):
        tally = sidecars
        reason = _container_reason(status, init_reason or reason, tally)
    else:
        reason = init_reason
    reason = _deletion_reason(pod, reason)
    return Summary(tally.ready, total, reason, tally.restarts, tally.last_restart)


def _phase_reason(status: Obj) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            return "SchedulingGated"
    return status.get("reason") or status.get("phase") or ""


def _init_reason(status: Obj, inits: dict[str | None, Obj], every: _Tally, sidecars: _Tally) -> str:
    """Return what holds up initialization, "" when nothing does; counts as far as it looks."""
    for i, container in enumerate(status.get("initContainerStatuses") or ()):
        every.count(container)
        sidecar = is_sidecar(inits.get(container.get("name"), {}))
        if sidecar:
            sidecars.count(container)
        state = container.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if ended is not None and not ended.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            sidecars.ready += bool(container.get("ready"))
            continue
        if ended is not None:
            return "Init:" + _end_reason(ended)
        if waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}"
        return f"Init:{i}/{len(inits)}"
    return ""


def _container_reason(status: Obj, reason: str, tally: _Tally) -> str:
    """Return the state that the first container out of order gives the pod."""
    running = False
    for container in reversed(status.get("containerStatuses") or ()):
        tally.count(container)
        state = container.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif ended is not None:
            reason = _end_reason(ended)
        elif container.get("ready") and state.get("running") is not None:
            running = True
            tally.ready += 1
    if reason == "Completed" and running:
        return "Running" if _condition(status, "Ready") else "NotReady"
    return reason


def _end_reason(ended: Obj) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode') or 0}"


def _deletion_reason(pod: Obj, reason: str) -> str:
    if not (pod.get("metadata") or {}).get("deletionTimestamp"):
        return reason
    status = pod.get("status") or {}
    if status.get("reason") == "NodeLost":
        return "Unknown"
    return reason if status.get("phase") in ("Failed", "Succeeded") else "Terminating"


def _condition(status: Obj, kind: str) -> bool:
    return any(c.get("type") == kind and c.get("status") == "True" for c in status.get("conditions") or ())


def _ready(pod: Obj, now: datetime) -> str:
    summary = summarize(pod)
    return f"{summary.ready}/{summary.total}"


def _restarts(pod: Obj, now: datetime) -> str:
    summary = summarize(pod)
    if summary.restarts and summary.last_restart:
        return f"{summary.restarts} ({ago(summary.last_restart, now)} ago)"
    return str(summary.restarts)


def _ip(pod: Obj, now: datetime) -> str:
    ips = (pod.get("status") or {}).get("podIPs") or ()
    return str(ips[0].get("ip")) if ips else NONE


def _gates(pod: Obj, now: datetime) -> str:
    gates = (pod.get("spec") or {}).get("readinessGates") or ()
    if not gates:
        return NONE
    met = sum(_condition(pod.get("status") or {}, gate.get("conditionType")) for gate in gates)
    return f"{met}/{len(gates)}"


COLUMNS = (
    Column(
        "Name", lambda pod, now: pod["metadata"].get("name"), "string", "name", "The name, unique in its namespace."
    ),
    Column("Ready", _ready, description="How many containers are ready, of how many."),
    Column("Status", lambda pod, now: summarize(pod).reason, description="The pod's state in a word."),
    Column("Restarts", _restarts, description="How often containers were restarted, and when last."),
    Column("Age", age_of, description="How long ago the pod was created."),
    Column("IP", _ip, description="The pod's first address.", priority=1),
    Column("Node", lambda pod, now: pod["spec"].get("nodeName") or NONE, description="Where it runs.", priority=1),
    Column(
        "Nominated Node",
        lambda pod, now: (pod.get("status") or {}).get("nominatedNodeName") or NONE,
        description="Where room is being made for it.",
        priority=1,
    ),
    Column("Readiness Gates", _gates, description="How many readiness gates are met, of how many.", priority=1),
)
