"""CronJob: makes a Job each time that its schedule says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from kubern.base.clock import parse_time, rfc3339
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers import cron
from kubern.controllers.actions import Action, Create, Delete, Event, Plan, Told
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself, owner
from kubern.controllers.owners import reference_to
from kubern.controllers.pods import condition
from kubern.controllers.resources import CRON_JOBS, JOBS

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
WATCHES = (Watch(CRON_JOBS, itself), Watch(JOBS, owner("CronJob")))


class Observed(NamedTuple):
    """A CronJob and the Jobs that it controls."""

    cron_job: Obj
    jobs: Sequence[Obj]


class _Due(NamedTuple):
    """The last time that was due and not used yet, how many were missed, and the next one."""

    last: datetime | None
    missed: int
    next: datetime | None


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a CronJob and its Jobs."""
    cron_job = cache.at(CRON_JOBS, key)
    return Observed(cron_job, cache.owned(JOBS, cron_job["metadata"]["uid"])) if cron_job is not None else None


def decide(observed: Observed, now: datetime) -> Plan:
    """Note Jobs that ended, forget old ones, and start one if it is time."""
    cron_job = observed.cron_job
    actions: list[Action] = [*_ended(observed), *_history(observed)]
    status = _status(observed)
    if cron_job["metadata"].get("deletionTimestamp"):
        return Plan(tuple(actions), status)
    try:
        schedule, where = cron.parse(cron_job["spec"]["schedule"]), cron.zone(cron_job["spec"].get("timeZone"))
    except ValueError as error:
        kind = "UnknownTimeZone" if "time zone" in str(error) else "UnparseableSchedule"
        return Plan((*actions, Event(cron_job, "Warning", kind, f"invalid schedule: {error}")), status)
    if cron_job["spec"].get("suspend"):
        return Plan(tuple(actions), status)
    due = _due(cron_job, schedule, where, now)
    wait = (due.next - now).total_seconds() + 0.1 if due.next is not None else None
    if due.next is None:
        text = (
            "time difference between two schedules is less than 1 second"  # upstream's words for a day that never comes
        )
        actions.append(
            Event(cron_job, "Warning", "InvalidSchedule", f"invalid schedule: {cron_job['spec']['schedule']} : {text}")
        )
    if due.missed > cron.MANY:
        text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        actions.append(Event(cron_job, "Warning", "TooManyMissedTimes", text))
    if due.last is not None:
        started = _start(observed, due.last, now)
        actions += started.actions
        status |= started.status or {}
    return Plan(tuple(actions), status, wait)


def _due(cron_job: Obj, schedule: cron.Schedule, where: ZoneInfo, now: datetime) -> _Due:
    last = (cron_job.get("status") or {}).get("lastScheduleTime")
    since = parse_time(last or cron_job["metadata"]["creationTimestamp"])
    deadline = cron_job["spec"].get("startingDeadlineSeconds")
    if deadline is not None:
        since = max(since, now - timedelta(seconds=deadline))
    found, missed = cron.last_time(schedule, since, now, where)
    return _Due(found, missed, cron.next_time(schedule, now, where))


def _start(observed: Observed, moment: datetime, now: datetime) -> Plan:
    """Return the new Job as the concurrency policy allows it."""
    cron_job = observed.cron_job
    running = [job for job in observed.jobs if not _finished(job)]
    name = f"{cron_job['metadata']['name']}-{int(moment.timestamp()) // 60}"
    if any(job["metadata"]["name"] == name for job in observed.jobs):
        return Plan(status={"lastScheduleTime": rfc3339(moment)})
    policy = cron_job["spec"].get("concurrencyPolicy", "Allow")
    if policy == "Forbid" and running:
        text = "Not starting job because prior execution is running and concurrency policy is Forbid"
        return Plan((Event(cron_job, "Normal", "JobAlreadyActive", text),))
    actions: list[Action] = []
    if policy == "Replace":
        actions += [_deletion(cron_job, job) for job in running]
    actions.append(_creation(cron_job, name, moment))
    return Plan(tuple(actions), {"lastScheduleTime": rfc3339(moment)})


def _creation(cron_job: Obj, name: str, moment: datetime) -> Create:
    template = cron_job["spec"]["jobTemplate"]
    meta = template.get("metadata") or {}
    made = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": cron_job["metadata"]["namespace"],
            "labels": meta.get("labels") or {},
            "annotations": {**(meta.get("annotations") or {}), SCHEDULED: rfc3339(moment)},
            "ownerReferences": [reference_to(cron_job, "batch/v1", "CronJob")],
        },
        "spec": template["spec"],
    }
    told = Told(cron_job, "SuccessfulCreate", "Created job {name}", "FailedCreate", "Error creating job: {error}")
    return Create(JOBS, made, cron_job["metadata"]["namespace"], told, exists_ok=True)


def _deletion(cron_job: Obj, job: Obj) -> Delete:
    told = Told(cron_job, "SuccessfulDelete", "Deleted job {name}", "FailedDelete", "Deleted job: {error}")
    meta = job["metadata"]
    return Delete(JOBS, meta["namespace"], meta["name"], meta["uid"], told, propagation="Background")


def _finished(job: Obj) -> str:
    """Return how a Job has ended, nothing while it has not."""
    kinds = ("Complete", "Failed")
    return next((kind for kind in kinds if (c := condition(job, kind)) is not None and c["status"] == "True"), "")


def _ended(observed: Observed) -> list[Action]:
    """Say of each Job that was active and has ended how it ended."""
    active = {each["uid"] for each in (observed.cron_job.get("status") or {}).get("active") or ()}
    return [
        Event(
            observed.cron_job, "Normal", "SawCompletedJob",
            f"Saw completed job: {job['metadata']['name']}, condition: {_finished(job)}",
        )
        for job in observed.jobs
        if job["metadata"]["uid"] in active and _finished(job)
    ]  # fmt: skip


def _history(observed: Observed) -> list[Action]:
    """Return the deletions of ended Jobs beyond the history's limits, the oldest first."""
    spec = observed.cron_job["spec"]
    actions: list[Action] = []
    for kind, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
        ended = [
            job for job in observed.jobs if _finished(job) == kind and not job["metadata"].get("deletionTimestamp")
        ]
        kept = spec.get(limit, 3 if kind == "Complete" else 1)
        ended.sort(key=lambda job: ((job.get("status") or {}).get("startTime") or "", job["metadata"]["name"]))
        actions += [_deletion(observed.cron_job, job) for job in ended[: max(len(ended) - kept, 0)]]
    return actions


def _status(observed: Observed) -> Obj:
    status = dict(observed.cron_job.get("status") or {})
    running = sorted((job for job in observed.jobs if not _finished(job)), key=lambda job: str(job["metadata"]["name"]))
    status.pop("active", None)
    if running:
        status["active"] = [_reference(job) for job in running]
    succeeded = [
        (job.get("status") or {}).get("completionTime") or "" for job in observed.jobs if _finished(job) == "Complete"
    ]
    newest = max([*succeeded, status.get("lastSuccessfulTime") or ""])
    return status | ({"lastSuccessfulTime": newest} if newest else {})


def _reference(job: Obj) -> Obj:
    meta = job["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
    }


CONTROLLER = Controller(
    "cronjob-controller",
    Reconciler(CRON_JOBS, WATCHES, observe, decide, "cronjob-controller"),
    account="cronjob-controller",
)
