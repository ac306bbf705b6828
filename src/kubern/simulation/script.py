"""What annotations script of a virtual pod or node: delays, failures, silence. Pure; called for each pod that changes.

A value that cannot be read counts as absent: the pod then behaves as one without a script.
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
RUN_FOR = PREFIX + "run-for"
"""Of a pod: seconds that its containers run before they exit, written likewise."""
EXIT_CODE = PREFIX + "exit-code"
"""Of a pod: what its containers exit with."""
SILENT = PREFIX + "silent"
"""Of a node, `true`: no heartbeat, and nothing happens to its pods, until the annotation goes."""
JOB_SECONDS = 1.0
"""How long a Job's pods run when nothing is said."""
FIRST_BACKOFF, MOST_BACKOFF = 10.0, 300.0
"""Seconds until a container that exited is started again: doubled with each restart, as the kubelet does."""
_SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(?:\.\.(\d{1,6}(?:\.\d{1,3})?))?", re.ASCII)


class Script(NamedTuple):
    """How a pod goes: times in seconds, `run_for` None when it runs until it is deleted."""

    start_after: float
    run_for: float | None
    exit_code: int


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
    return Script(
        seconds(said.get(START_AFTER), uid) or 0.0, ends if run_for is None else run_for, int(code) if known else 0
    )


def restarts(pod: Obj, script: Script) -> bool:
    """Whether containers that exit as scripted are started again."""
    policy = pod["spec"].get("restartPolicy") or "Always"
    return policy == "Always" or (policy == "OnFailure" and script.exit_code != 0)


def due(pod: Obj, now: datetime) -> float | None:
    """Return the seconds until a bound pod's next move, 0 when it is due; None when nothing is to come."""
    if "deletionTimestamp" in pod["metadata"]:
        return 0.0
    status = pod.get("status") or {}
    phase = status.get("phase")
    if phase in ("Succeeded", "Failed"):
        return None
    script = script_of(pod)
    if phase != "Running":
        return _left(_bound_at(pod), script.start_after, now)
    first: Obj = (status.get("containerStatuses") or ({},))[0]
    if "waiting" in (first.get("state") or {}):
        ended = ((first.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
        return _left(ended, backoff(first.get("restartCount", 0)), now)
    if script.run_for is None:
        return None
    return _left(((first.get("state") or {}).get("running") or {}).get("startedAt"), script.run_for, now)


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
