"""What annotations script of a virtual pod or node: delays, failures, silence, and a pod's next move. Pure.

Called for each pod that changes. A value that cannot be read counts as absent: the pod then behaves as one without a script.
"""

from __future__ import annotations

import math
import re
import zlib
from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import parse_time
from kubern.base.json import Obj

PREFIX = "simulation.kubern/"
START_AFTER = PREFIX + "start-after"
"""Of a pod: seconds from its binding until it runs, `2.5` or `1..4` (spread evenly over pods)."""
READY_AFTER = PREFIX + "ready-after"
"""Of a pod: seconds from the start of its containers until they are ready."""
RUN_FOR = PREFIX + "run-for"
"""Of a pod: seconds that its containers run before they exit."""
EXIT_CODE = PREFIX + "exit-code"
"""Of a pod: what its containers exit with."""
STOP_AFTER = PREFIX + "stop-after"
"""Of a pod: seconds from its deletion until it is gone, at most its grace period."""
WAITING = PREFIX + "waiting"
"""Of a pod: why its containers do not start, as `ImagePullBackOff`, until the annotation goes."""
SILENT = PREFIX + "silent"
"""Of a node, `true`: no heartbeat, and nothing happens to its pods, until the annotation goes."""
JOB_SECONDS = 1.0
"""How long a Job's pods run when nothing is said."""
FIRST_BACKOFF, MOST_BACKOFF = 10.0, 300.0
"""Seconds until a container that exited is started again: doubled with each restart, as the kubelet does."""
_REASON = re.compile(r"[A-Za-z]{1,63}", re.ASCII)
_SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(?:\.\.(\d{1,6}(?:\.\d{1,3})?))?", re.ASCII)


class Script(NamedTuple):
    """How a pod goes: times in seconds, `run_for` None when it runs until it is deleted, `waiting` empty when it starts."""

    start_after: float
    run_for: float | None
    exit_code: int
    ready_after: float = 0.0
    stop_after: float = 0.0
    waiting: str = ""


class Move(NamedTuple):
    """What happens to a pod next, and in how many seconds: it is to `wait`, `start`, be `ready`, `exit`, or be `gone`."""

    to: str
    left: float


def script_of(pod: Obj) -> Script:
    """Read a pod's annotations."""
    meta = pod["metadata"]
    said = meta.get("annotations") or {}
    owners = meta.get("ownerReferences") or ()
    ends = JOB_SECONDS if any(owner.get("kind") == "Job" for owner in owners) else None
    uid = meta.get("uid", "")
    code = said.get(EXIT_CODE, "0")
    known = code.isascii() and code.isdigit() and len(code) < 4 and int(code) < 256
    run_for = seconds(said.get(RUN_FOR), uid)
    waiting = said.get(WAITING, "")
    return Script(
        seconds(said.get(START_AFTER), uid) or 0.0,
        ends if run_for is None else run_for,
        int(code) if known else 0,
        seconds(said.get(READY_AFTER), uid) or 0.0,
        seconds(said.get(STOP_AFTER), uid) or 0.0,
        waiting if _REASON.fullmatch(waiting) else "",
    )


def restarts(pod: Obj, script: Script) -> bool:
    """Whether containers that exit as scripted are started again."""
    policy = pod["spec"].get("restartPolicy") or "Always"
    return policy == "Always" or (policy == "OnFailure" and script.exit_code != 0)


def next_move(pod: Obj, now: datetime) -> Move | None:
    """Return a bound pod's next move; None when nothing is to come."""
    meta, status = pod["metadata"], pod.get("status") or {}
    script = script_of(pod)
    if "deletionTimestamp" in meta:
        return Move("gone", _until_gone(meta, script.stop_after, now))
    phase = status.get("phase")
    if phase in ("Succeeded", "Failed"):
        return None
    first: Obj = (status.get("containerStatuses") or ({},))[0]
    state = first.get("state") or {}
    if phase != "Running":
        if script.waiting and (state.get("waiting") or {}).get("reason") == script.waiting:
            return None
        return Move("wait" if script.waiting else "start", _left(_bound_at(pod), script.start_after, now))
    if "waiting" in state:
        ended = ((first.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
        return Move("start", _left(ended, backoff(first.get("restartCount", 0)), now))
    return _while_running(pod, script, (state.get("running") or {}).get("startedAt"), now)


def _until_gone(meta: Obj, stop_after: float, now: datetime) -> float:
    if not stop_after:
        return 0.0
    # the timestamp is when its grace is over; it was deleted that long before
    left = (parse_time(meta["deletionTimestamp"]) - now).total_seconds()
    grace = meta.get("deletionGracePeriodSeconds") or 0
    return max(0.0, left - grace + min(stop_after, grace))


def _while_running(pod: Obj, script: Script, began: str | None, now: datetime) -> Move | None:
    moves = []
    if not is_ready(pod) and gates_open(pod):
        # somebody else may have called it so: a node's life cycle does when the node was silent
        moves.append(Move("ready", _left(began, script.ready_after, now)))
    if script.run_for is not None:
        moves.append(Move("exit", _left(began, script.run_for, now)))
    return min(moves, key=lambda move: move.left, default=None)


def is_ready(pod: Obj) -> bool:
    """Whether a pod's status says that it is ready."""
    return _condition(pod, "Ready")


def gates_open(pod: Obj) -> bool:
    """Whether all that others have to say for the pod to be ready has been said."""
    return all(_condition(pod, gate["conditionType"]) for gate in pod["spec"].get("readinessGates") or ())


def _condition(pod: Obj, kind: str) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def backoff(restart_count: int) -> float:
    """Return the seconds that a container waits before its next start."""
    return min(FIRST_BACKOFF * 2.0 ** min(restart_count, 10), MOST_BACKOFF)


def is_silent(node: Obj | None) -> bool:
    """Whether a node is scripted to be dead."""
    return ((node or {}).get("metadata", {}).get("annotations") or {}).get(SILENT) == "true"


def _bound_at(pod: Obj) -> str | None:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    bound = (c.get("lastTransitionTime") for c in conditions if c["type"] == "PodScheduled" and c["status"] == "True")
    at: str | None = next(bound, None) or pod["metadata"].get("creationTimestamp")
    return at


def _left(since: str | None, seconds: float, now: datetime) -> float:
    if since is None or seconds == 0:
        return 0.0
    return max(0.0, seconds - (now - parse_time(since)).total_seconds())


def seconds(text: str | None, uid: str) -> float | None:
    """Read `2.5` or `1..4` (spread evenly over the pods, by `uid`); None for anything else."""
    found = _SPAN.fullmatch(text or "")
    if found is None:
        return None
    low = float(found[1])
    high = float(found[2] or low)
    share = zlib.crc32(uid.encode()) / 2**32  # the same for a pod whenever it is asked
    return low + math.fabs(high - low) * share
