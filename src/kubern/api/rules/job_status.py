"""What may be written into a Job's status: a job that has ended stays ended, and what is counted does not shrink.

Called by the Job resource. What always holds: what a status said before is no reason to refuse it again; wording is upstream's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubern.api import field
from kubern.api.rules.checks import not_negative
from kubern.api.rules.jobs import index_count
from kubern.api.rules.values import part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_COUNTS = ("active", "succeeded", "failed", "ready", "terminating")
_TERMINAL = ("Failed", "Complete", "FailureTarget")
_CONDITIONS, _TIME = "status.conditions", "status.completionTime"
_NEVER_BOTH = (
    ("Complete", "Failed", "cannot set Complete=True and Failed=true conditions"),
    ("Complete", "FailureTarget", "cannot set Complete=True and FailureTarget=true conditions"),
    ("SuccessCriteriaMet", "Failed", "cannot set SuccessCriteriaMet=True and Failed=true conditions"),
    ("SuccessCriteriaMet", "FailureTarget", "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"),
)
_ONLY_AFTER = (
    ("Failed", "FailureTarget", "cannot set Failed=True condition without the FailureTarget=true condition"),
    (
        "Complete",
        "SuccessCriteriaMet",
        "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
    ),
)


def check_job_status(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with a Job's new status."""
    status, before = part(new, "status"), part(old, "status")
    causes = [cause for name in _COUNTS for cause in not_negative(status, name, "status.")]
    causes += _check_uncounted(status)
    holds, held = _holding(status), _holding(before)
    changed = frozenset(name for name in status.keys() | before.keys() if status.get(name) != before.get(name))
    causes += _check_conditions(holds, held)
    causes += _check_times(new, old, changed, holds, held)
    causes += _check_ended(status, changed, holds, held)
    causes += _check_indexes(part(new, "spec"), status, changed)
    causes += _check_counters(new, old)
    return causes


def _holding(status: Obj) -> frozenset[str]:
    return frozenset(each["type"] for each in status.get("conditions") or () if each.get("status") == "True")


def _check_uncounted(status: Obj) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for name in ("succeeded", "failed"):
        for i, uid in enumerate(part(status, "uncountedTerminatedPods").get(name) or ()):
            path = f"status.uncountedTerminatedPods.{name}[{i}]"
            if not uid:
                causes.append(field.invalid(path, uid, "must not be empty"))
            elif uid in seen:
                causes.append(field.duplicate(path, uid))
            seen.add(uid)
    return causes


def _check_conditions(holds: frozenset[str], held: frozenset[str]) -> list[Cause]:
    found = [message for one, other, message in _NEVER_BOTH if {one, other} <= holds and not {one, other} <= held]
    found += [
        message for late, early, message in _ONLY_AFTER if late in holds and early not in holds and late not in held
    ]
    found += [f"cannot disable the terminal {kind}=True condition" for kind in _TERMINAL if kind in held - holds]
    if "SuccessCriteriaMet" in held - holds:
        found.append("cannot disable the SuccessCriteriaMet=True condition")
    return [field.invalid(_CONDITIONS, field.OMITTED, message) for message in found]


def _check_times(
    new: Obj, old: Obj, changed: frozenset[str], holds: frozenset[str], held: frozenset[str]
) -> Iterator[Cause]:
    status, before = part(new, "status"), part(old, "status")
    start, end, ended = status.get("startTime"), status.get("completionTime"), "Complete" in holds
    if "completionTime" in changed or ended != ("Complete" in held):
        if end is not None and not ended:
            message = "cannot set completionTime when there is no Complete=True condition"
            yield field.invalid(_TIME, end, message)
        if end is None and ended:
            yield field.required(_TIME, "completionTime is required for Complete jobs")
    if changed & {"startTime", "completionTime"} and start and end and end < start:
        yield field.invalid(_TIME, end, "completionTime cannot be set before startTime")
    if end is not None and before.get("completionTime") is not None and "completionTime" in changed:
        yield field.invalid(_TIME, end, "completionTime cannot be mutated")
    if before.get("startTime") is not None and "startTime" in changed and not part(new, "spec").get("suspend"):
        yield field.required("status.startTime", "startTime cannot be removed for unsuspended job")


def _check_ended(status: Obj, changed: frozenset[str], holds: frozenset[str], held: frozenset[str]) -> Iterator[Cause]:
    """A job that has ended has begun, and no pods are left of it."""
    ends = ("Complete", "Failed")
    if not holds.intersection(ends):
        return
    anew = not held.intersection(ends)
    for name in ("active", "terminating"):
        if status.get(name) and (anew or name in changed):
            yield field.invalid(f"status.{name}", status[name], f"{name}>0 is invalid for finished job")
    if status.get("startTime") is None and (anew or "startTime" in changed):
        yield field.required("status.startTime", "startTime is required for finished job")
    uncounted = part(status, "uncountedTerminatedPods")
    if any(uncounted.values()) and (anew or "uncountedTerminatedPods" in changed):
        message = "uncountedTerminatedPods needs to be empty for finished job"
        yield field.invalid("status.uncountedTerminatedPods", uncounted, message)


def _check_indexes(spec: Obj, status: Obj, changed: frozenset[str]) -> Iterator[Cause]:
    total = spec.get("completions")
    for name in ("completedIndexes", "failedIndexes"):
        text = status.get(name)
        counted = name == "completedIndexes" or spec.get("backoffLimitPerIndex") is not None
        if name not in changed or text is None:
            continue
        if total is not None and counted:
            try:
                index_count(text, total)
            except ValueError as error:
                yield field.invalid(f"status.{name}", text, f"error parsing {name}: {error}")
        if not counted:
            message = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
            yield field.invalid("status.failedIndexes", text, message)
        elif name == "completedIndexes" and text and spec.get("completionMode") != "Indexed":
            message = "cannot set non-empty completedIndexes when non-indexed completion mode"
            yield field.invalid("status.completedIndexes", text, message)


def _check_counters(new: Obj, old: Obj) -> Iterator[Cause]:
    spec, status, before = part(new, "spec"), part(new, "status"), part(old, "status")
    elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    names: Sequence[str] = ("failed",) if elastic else ("failed", "succeeded")
    for name in names:
        if (status.get(name) or 0) < (before.get(name) or 0):
            yield field.invalid(f"status.{name}", status.get(name) or 0, f"cannot decrease the {name} counter")
    ready, active = status.get("ready"), status.get("active") or 0
    if ready is not None and ready > active and (ready, active) != (before.get("ready"), before.get("active") or 0):
        yield field.invalid("status.ready", ready, "cannot set more ready pods than active")
