"""What a Job counts: which pods have succeeded, failed or are at work, indexes, and when the next try may begin. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.controllers.pods import condition, is_finished, phase

TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
FIRST_DELAY, LONGEST_DELAY = 10.0, 600.0


def is_indexed(job: Obj) -> bool:
    """Say whether each pod of the Job has an index."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def parallelism(job: Obj) -> int:
    """Return how many pods may be at work at once."""
    return int(job["spec"].get("parallelism", 1))


def ended(job: Obj) -> str:
    """Return `Complete` or `Failed` for a Job that has ended, nothing for another."""
    kinds = ("Complete", "Failed")
    return next((kind for kind in kinds if (c := condition(job, kind)) is not None and c["status"] == "True"), "")


def has_failed(job: Obj, pod: Obj) -> bool:
    """Say whether a pod counts as a failure: it has failed, or is being deleted before it was done (while the Job runs)."""
    if phase(pod) == "Failed":
        return True
    replaced = job["spec"].get("podReplacementPolicy", "TerminatingOrFailed") == "TerminatingOrFailed"
    deleting = bool(pod["metadata"].get("deletionTimestamp")) and phase(pod) != "Succeeded"
    return deleting and replaced and not job["spec"].get("suspend")


def is_tracked(pod: Obj) -> bool:
    """Say whether a pod has not been counted for good."""
    return TRACKING in (pod["metadata"].get("finalizers") or ())


def index_of(pod: Obj) -> int | None:
    """Return a pod's completion index."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(text) if text.isdigit() else None


def read_indexes(text: str) -> set[int]:
    """Read `0-2,5` as a set."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def write_indexes(indexes: Iterable[int]) -> str:
    """Write a set as `0-2,5`."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(a) if a == b else f"{a},{b}" if b == a + 1 else f"{a}-{b}" for a, b in runs)


def retry_in(pods: Sequence[Obj], now: datetime) -> float:
    """Return the seconds until pods may be made again: 10 s after a failure, doubling with each since the last success, at most 10 min."""
    times = sorted((finished_at(pod), phase(pod) == "Failed") for pod in pods if is_finished(pod))
    failures, last = 0, None
    for moment, failed in times:
        failures = failures + 1 if failed else 0
        last = moment
    if not failures or last is None:
        return 0.0
    delay = min(FIRST_DELAY * 2.0 ** min(failures - 1, 10), LONGEST_DELAY)
    return max(0.0, (last + timedelta(seconds=delay) - now).total_seconds())


def finished_at(pod: Obj) -> datetime:
    """Return when a pod's last container ended, or the best that is known of it."""
    times = [
        ended["finishedAt"]
        for each in (pod.get("status") or {}).get("containerStatuses") or ()
        if (ended := (each.get("state") or {}).get("terminated")) and ended.get("finishedAt")
    ]
    ready = condition(pod, "Ready")
    if not times and ready is not None and ready.get("lastTransitionTime"):
        times = [ready["lastTransitionTime"]]
    return parse_time(max(times, default=pod["metadata"]["creationTimestamp"]))


def restarts(pods: Iterable[Obj]) -> int:
    """Return how often containers of running pods were restarted in all."""
    return sum(
        each.get("restartCount") or 0
        for pod in pods
        if phase(pod) in ("Running", "Pending")
        for name in ("initContainerStatuses", "containerStatuses")
        for each in (pod.get("status") or {}).get(name) or ()
    )
