"""Job: runs pods until enough of them have succeeded.

A pod is counted once and for all in three steps that survive a crash between any two: its uid goes into status.uncountedTerminatedPods, its
finalizer is removed, the count is raised. Source: the Job documentation ("Job tracking with finalizers").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kubern.base.clock import parse_time, rfc3339
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.client.labels import selects
from kubern.controllers.actions import Action, Create, Event, Plan, Told
from kubern.controllers.cache import Cache
from kubern.controllers.conditions import find
from kubern.controllers.controller import Controller, Reconciler, Watch, itself, owner_or_selecting
from kubern.controllers.counters import Increment
from kubern.controllers.job import facts, policies
from kubern.controllers.job.counting import count as counted
from kubern.controllers.job.orphans import ORPHANS
from kubern.controllers.job.pods import deletion, new_pod, release
from kubern.controllers.job.tally import Tally
from kubern.controllers.owners import claim, reference_to
from kubern.controllers.pods import deletion_order, is_active
from kubern.controllers.resources import JOBS, PODS

MAX_CREATED = 500
REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
FAILED_INDEXES = ("FailedIndexes", "Job has failed indexes")
TOO_MANY = ("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes")
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")


class Observed(NamedTuple):
    """A Job and its pods."""

    job: Obj
    reference: Obj
    pods: Sequence[Obj]
    claims: tuple[Action, ...]


def _selected(job: Obj, pod: Obj) -> bool:
    return selects(job["spec"].get("selector"), pod["metadata"].get("labels"))


WATCHES = (Watch(JOBS, itself), Watch(PODS, owner_or_selecting("Job", JOBS, _selected)))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a Job that is ours to run, with its pods."""
    job = cache.at(JOBS, key)
    if job is None or job["spec"].get("managedBy", "kubernetes.io/job-controller") != "kubernetes.io/job-controller":
        return None
    reference = reference_to(job, "batch/v1", "Job")
    candidates = [*cache.owned(PODS, job["metadata"]["uid"]), *cache.orphans(PODS, key[0])]
    claimed = claim(PODS, reference, job, lambda labels: selects(job["spec"].get("selector"), labels), candidates)
    return Observed(job, reference, claimed.objects, claimed.actions)


def decide(observed: Observed, now: datetime) -> Plan:
    """Count what has ended, decide whether the Job has, and keep enough pods at work."""
    job = observed.job
    if facts.ended(job):
        released = [release(pod) for pod in observed.pods if facts.is_tracked(pod) and not is_active(pod)]
        return Plan(tuple(released))
    tally = Tally(job, observed.pods)
    verdict = _verdict(job, tally, now)
    if verdict is not None:
        tally.close()
    status = tally.status()
    actions: list[Action] = [*observed.claims, *tally.releases]
    wait: float | None = None
    if verdict is not None:
        actions += [deletion(job, pod) for pod in tally.active]
        actions += _closed(job, tally, verdict, status, now)
    elif job["spec"].get("suspend"):
        actions += [deletion(job, pod) for pod in tally.active]
        actions += _suspended(job, status, now)
        status.pop("startTime", None)
    elif not job["metadata"].get("deletionTimestamp"):
        actions += _resumed(job, status, now)
        status.setdefault("startTime", rfc3339(now))
        work, wait = _work(observed, tally, now)
        actions += work
    return Plan(tuple(actions), status, _next(job, status, wait, now))


def _next(job: Obj, status: Obj, wait: float | None, now: datetime) -> float | None:
    limit = job["spec"].get("activeDeadlineSeconds")
    times = [] if wait is None else [wait]
    if limit is not None and status.get("startTime"):
        times.append(max(0.0, (parse_time(status["startTime"]) + timedelta(seconds=limit) - now).total_seconds()) + 0.1)
    return min(times, default=None)


def _verdict(job: Obj, tally: Tally, now: datetime) -> tuple[str, tuple[str, str]] | None:
    """Return how the Job ends and why, None while it goes on. What was decided once stays."""
    spec = job["spec"]
    for kind, early in (("Failed", "FailureTarget"), ("Complete", "SuccessCriteriaMet")):
        found = find(tally.old.get("conditions"), early)
        if found is not None and found["status"] == "True":
            return kind, (found["reason"], found["message"])
    if spec.get("suspend"):
        return None
    if tally.fail_job:
        return "Failed", ("PodFailurePolicy", tally.fail_job)
    limit = spec.get("backoffLimit", 6)
    on_failure = spec["template"]["spec"].get("restartPolicy") == "OnFailure"
    if tally.failed > limit or (on_failure and (restarts := facts.restarts(tally.active)) and restarts >= limit > 0):
        return "Failed", BACKOFF
    started, deadline = tally.old.get("startTime"), spec.get("activeDeadlineSeconds")
    if started and deadline is not None and (now - parse_time(started)).total_seconds() >= deadline:
        return "Failed", DEADLINE
    return _verdict_of_indexes(spec, tally) or _verdict_of_successes(job, tally)


def _verdict_of_indexes(spec: Obj, tally: Tally) -> tuple[str, tuple[str, str]] | None:
    failed, most = len(tally.failed_indexes), spec.get("maxFailedIndexes")
    if most is not None and failed > most:
        return "Failed", TOO_MANY
    if failed and failed + tally.succeeded >= int(spec.get("completions") or 0):
        return "Failed", FAILED_INDEXES
    return None


def _verdict_of_successes(job: Obj, tally: Tally) -> tuple[str, tuple[str, str]] | None:
    completions = job["spec"].get("completions")
    if completions is None:
        done = tally.succeeded > 0 and not tally.active
    else:
        done = tally.succeeded >= completions
    if done:
        return "Complete", REACHED
    why = policies.enough(job, tally.indexes)
    return ("Complete", ("SuccessPolicy", why)) if why else None


def _closed(
    job: Obj, tally: Tally, verdict: tuple[str, tuple[str, str]], status: Obj, now: datetime
) -> list[Action]:  # fmt: skip
    """Note the verdict at once, and the end itself when no pod is left at work."""
    kind, (reason, message) = verdict
    early = "FailureTarget" if kind == "Failed" else "SuccessCriteriaMet"
    conditions = _with(status.get("conditions"), early, "True", (reason, message), now)
    actions: list[Action] = []
    if tally.settled():
        conditions = _with(conditions, kind, "True", (reason, message), now)
        if kind == "Complete":
            status["completionTime"] = rfc3339(now)
            actions.append(Event(job, "Normal", "Completed", "Job completed"))
        else:
            actions.append(Event(job, "Warning", reason, message))
    status["conditions"] = conditions
    return actions


def _suspended(job: Obj, status: Obj, now: datetime) -> list[Action]:
    found = find(status.get("conditions"), "Suspended")
    if found is not None and found["status"] == "True":
        return []
    status["conditions"] = _with(status.get("conditions"), "Suspended", "True", ("JobSuspended", "Job suspended"), now)
    return [Event(job, "Normal", "Suspended", "Job suspended")]


def _resumed(job: Obj, status: Obj, now: datetime) -> list[Action]:
    found = find(status.get("conditions"), "Suspended")
    if found is None or found["status"] != "True":
        return []
    status["conditions"] = _with(status.get("conditions"), "Suspended", "False", ("JobResumed", "Job resumed"), now)
    status["startTime"] = rfc3339(now)
    return [Event(job, "Normal", "Resumed", "Job resumed")]


def _with(conditions: list[Obj] | None, kind: str, status: str, why: tuple[str, str], now: datetime) -> list[Obj]:
    old = find(conditions, kind)
    if old is not None and old["status"] == status:
        return list(conditions or ())
    stamp = rfc3339(now)
    new = {
        "type": kind,
        "status": status,
        "reason": why[0],
        "message": why[1],
        "lastProbeTime": stamp,
        "lastTransitionTime": stamp,
    }
    return [*(each for each in conditions or () if each["type"] != kind), new]


def _work(observed: Observed, tally: Tally, now: datetime) -> tuple[list[Action], float | None]:
    """Return what brings the number of pods at work to what is wanted, and when to look again."""
    job = observed.job
    completions, active = job["spec"].get("completions"), tally.active
    if completions is None:
        wanted = len(active) if tally.succeeded else facts.parallelism(job)
    else:
        wanted = min(facts.parallelism(job), max(completions - tally.succeeded - len(tally.failed_indexes), 0))
    if len(active) > wanted:
        doomed = sorted(active, key=lambda pod: deletion_order(pod, {}, now))
        return [deletion(job, pod) for pod in doomed[: len(active) - wanted]], None
    waiting = tally.terminating if job["spec"].get("podReplacementPolicy") == "Failed" else 0
    missing = min(wanted - len(active) - waiting, MAX_CREATED)
    if missing <= 0:
        return [], None
    told = Told(job, "SuccessfulCreate", "Created pod: {name}", "FailedCreate", "Error creating: {error}")
    namespace = job["metadata"]["namespace"]
    if policies.limit_per_index(job) is None and (delay := facts.retry_in(observed.pods, now)) > 0:
        return [], delay
    if not facts.is_indexed(job):
        return [Create(PODS, new_pod(job, observed.reference, None, {}), namespace, told)] * missing, None
    free, wait = _free_indexes(job, tally, now)
    pods = [
        new_pod(job, observed.reference, index, _history(job, tally.retries.get(index))) for index in free[:missing]
    ]
    return [Create(PODS, pod, namespace, told) for pod in pods], wait if len(free) < missing else None


def _free_indexes(job: Obj, tally: Tally, now: datetime) -> tuple[list[int], float | None]:
    """Return the indexes that a pod may be made for, and the seconds until there is one more."""
    at_work = {index for pod in tally.active if (index := facts.index_of(pod)) is not None}
    waits = {index: policies.retry_in(pod, now) for index, pod in tally.retries.items()}
    taken = tally.indexes | tally.failed_indexes | at_work | {index for index, wait in waits.items() if wait > 0}
    free = [index for index in range(job["spec"].get("completions") or 0) if index not in taken]
    return free, min((wait for wait in waits.values() if wait > 0), default=None)


def _history(job: Obj, failed: Obj | None) -> dict[str, str]:
    """Return the annotations of an index's next pod."""
    if policies.limit_per_index(job) is None:
        return {}
    return {policies.FAILURES: "0"} if failed is None else policies.after(job, failed)


def count(observed: Observed, plan: Plan | None) -> Iterable[Increment]:
    """Return what a sync adds to the metrics."""
    return counted(observed.job, plan)


CONTROLLER = Controller(
    "job-controller",
    Reconciler(JOBS, WATCHES, observe, decide, "job-controller", count=count),
    beside={"job_orphan_pod": ORPHANS},
    account="job-controller",
)
