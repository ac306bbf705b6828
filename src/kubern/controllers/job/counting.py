"""What the job controller counts: syncs, Jobs that have ended, pods that are counted for good. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kubern.base.json import Obj
from kubern.controllers.actions import Create, Delete, Plan
from kubern.controllers.conditions import find
from kubern.controllers.counters import Increment, Metric
from kubern.controllers.job.facts import is_indexed

SYNCS = Metric(
    "job_controller_job_syncs_total", "[STABLE] The number of job syncs", ("completion_mode", "result", "action")
)
JOBS = Metric(
    "job_controller_jobs_finished_total",
    "[STABLE] The number of finished jobs",
    ("completion_mode", "result", "reason"),
)
PODS = Metric(
    "job_controller_job_pods_finished_total", "[STABLE] The number of finished Pods that are fully tracked",
    ("completion_mode", "result"),
)  # fmt: skip
_RESULTS = {"Complete": "succeeded", "Failed": "failed"}


def count(job: Obj, plan: Plan | None) -> Iterator[Increment]:
    """Yield what a plan that was carried out adds, or one that could not be (None)."""
    mode = "Indexed" if is_indexed(job) else "NonIndexed"
    if plan is None:
        yield Increment(SYNCS, (mode, "error", "reconciling"))
        return
    yield Increment(SYNCS, (mode, "success", _action(plan)))
    before, after = job.get("status") or {}, plan.status or {}
    for field in ("succeeded", "failed"):
        more = int(after.get(field) or 0) - int(before.get(field) or 0)
        if plan.status is not None and more > 0:
            yield Increment(PODS, (mode, field), more)
    for kind, result in _RESULTS.items():
        found = find(after.get("conditions"), kind)
        if _holds(after, kind) and not _holds(before, kind) and found is not None:
            yield Increment(JOBS, (mode, result, found.get("reason") or ""))


def _action(plan: Plan) -> str:
    if any(isinstance(action, Create) for action in plan.actions):
        return "pods_created"
    return "pods_deleted" if any(isinstance(action, Delete) for action in plan.actions) else "reconciling"


def _holds(status: Obj, kind: str) -> bool:
    found = find(status.get("conditions"), kind)
    return found is not None and found["status"] == "True"
