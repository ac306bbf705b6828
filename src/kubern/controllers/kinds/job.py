"""Job: runs pods until enough of them have succeeded.

A pod is counted once and for all in three steps that survive a crash between any two: its uid goes into status.uncountedTerminatedPods, its
finalizer is removed, the count is raised. Source: the Job documentation ("Job tracking with finalizers").
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kubern.base.clock import parse_time, rfc3339
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.client.labels import selects
from kubern.controllers import jobs
from kubern.controllers.actions import Action, Create, Delete, Event, Patch, Plan, Told
from kubern.controllers.cache import Cache
from kubern.controllers.conditions import find
from kubern.controllers.controller import Controller, Reconciler, Watch, itself, owner_or_selecting
from kubern.controllers.owners import claim, reference_to
from kubern.controllers.pods import deletion_order, from_template, is_active, is_finished, is_ready, phase
from kubern.controllers.resources import JOBS, PODS

MAX_CREATED = 500
REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
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
    if jobs.ended(job):
        released = [_release(pod) for pod in observed.pods if jobs.is_tracked(pod) and not is_active(pod)]
        return Plan(tuple(released))
    tally = _Tally(observed, now)
    status = tally.status()
    verdict = _verdict(job, tally, now)
    actions: list[Action] = [*observed.claims, *tally.releases]
    wait: float | None = None
    if verdict is not None:
        actions += [_deletion(job, pod) for pod in tally.active]
        actions += _closed(job, tally, verdict, status, now)
    elif job["spec"].get("suspend"):
        actions += [_deletion(job, pod) for pod in tally.active]
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


class _Tally:
    """The pods of a Job, counted."""

    def __init__(self, observed: Observed, now: datetime) -> None:
        self.job, self.pods = observed.job, observed.pods
        self.old = self.job.get("status") or {}
        self._now = now
        uncounted = self.old.get("uncountedTerminatedPods") or {}
        tracked = {pod["metadata"]["uid"]: pod for pod in self.pods if jobs.is_tracked(pod)}
        self.releases: list[Action] = []
        self.uncounted: dict[str, list[str]] = {"succeeded": [], "failed": []}
        self.counted = {"succeeded": self.old.get("succeeded", 0), "failed": self.old.get("failed", 0)}
        self.indexes = jobs.read_indexes(self.old.get("completedIndexes") or "")
        for outcome in ("succeeded", "failed"):
            for uid in uncounted.get(outcome) or ():
                if uid in tracked:
                    self.releases.append(_release(tracked[uid]))
                    self.uncounted[outcome].append(uid)
                else:
                    self.counted[outcome] += 1
        self._add_new(tracked, {uid for listed in uncounted.values() for uid in listed})
        self.active = [pod for pod in self.pods if is_active(pod)]

    def _add_new(self, tracked: dict[str, Obj], known: set[str]) -> None:
        for uid, pod in sorted(tracked.items()):
            if phase(pod) == "Succeeded":
                self._succeeded(uid, pod, known)
            elif uid in known:
                continue
            elif jobs.has_failed(self.job, pod):
                self.uncounted["failed"].append(uid)
            elif pod["metadata"].get("deletionTimestamp"):
                self.releases.append(_release(pod))  # of a suspended Job: not counted at all

    def _succeeded(self, uid: str, pod: Obj, known: set[str]) -> None:
        index = jobs.index_of(pod)
        if jobs.is_indexed(self.job):
            if index is None or not 0 <= index < int(self.job["spec"].get("completions") or 0):
                self.releases.append(_release(pod))
                return
            self.indexes.add(index)
        if uid not in known:
            self.uncounted["succeeded"].append(uid)

    @property
    def succeeded(self) -> int:
        """How many have succeeded; with indexes, how many indexes have."""
        if jobs.is_indexed(self.job):
            return len(self.indexes)
        return int(self.counted["succeeded"]) + len(self.uncounted["succeeded"])

    @property
    def failed(self) -> int:
        """How many have failed."""
        return int(self.counted["failed"]) + len(self.uncounted["failed"])

    @property
    def terminating(self) -> int:
        """How many are being deleted and have not ended."""
        return sum(bool(pod["metadata"].get("deletionTimestamp")) and not is_finished(pod) for pod in self.pods)

    def settled(self) -> bool:
        """Say whether nothing is left to count, nor to wait for."""
        return not (self.active or self.terminating or any(self.uncounted.values()))

    def status(self) -> Obj:
        """Return the Job's new status."""
        indexed = jobs.is_indexed(self.job)
        counts: Obj = {
            "active": len(self.active),
            "succeeded": len(self.indexes) if indexed else self.counted["succeeded"],
            "failed": self.counted["failed"],
        }
        kept = ("startTime", "conditions", "completionTime", "failedIndexes")
        status: Obj = {name: self.old[name] for name in kept if name in self.old}
        status |= {name: count for name, count in counts.items() if count}
        status["ready"] = sum(map(is_ready, self.active))
        status["terminating"] = self.terminating
        status["uncountedTerminatedPods"] = {name: listed for name, listed in self.uncounted.items() if listed}
        if indexed and self.indexes:
            status["completedIndexes"] = jobs.write_indexes(self.indexes)
        return status


def _verdict(job: Obj, tally: _Tally, now: datetime) -> tuple[str, tuple[str, str]] | None:
    """Return how the Job ends and why, None while it goes on. What was decided once stays."""
    spec = job["spec"]
    for kind, early in (("Failed", "FailureTarget"), ("Complete", "SuccessCriteriaMet")):
        found = find(tally.old.get("conditions"), early)
        if found is not None and found["status"] == "True":
            return kind, (found["reason"], found["message"])
    if spec.get("suspend"):
        return None
    limit = spec.get("backoffLimit", 6)
    on_failure = spec["template"]["spec"].get("restartPolicy") == "OnFailure"
    if tally.failed > limit or (on_failure and (restarts := jobs.restarts(tally.active)) and restarts >= limit > 0):
        return "Failed", BACKOFF
    started, deadline = tally.old.get("startTime"), spec.get("activeDeadlineSeconds")
    if started and deadline is not None and (now - parse_time(started)).total_seconds() >= deadline:
        return "Failed", DEADLINE
    completions = spec.get("completions")
    if completions is None:
        done = tally.succeeded > 0 and not tally.active
    else:
        done = tally.succeeded >= completions
    return ("Complete", REACHED) if done else None


def _closed(
    job: Obj, tally: _Tally, verdict: tuple[str, tuple[str, str]], status: Obj, now: datetime
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


def _work(observed: Observed, tally: _Tally, now: datetime) -> tuple[list[Action], float | None]:
    """Return what brings the number of pods at work to what is wanted, and when to look again."""
    job = observed.job
    completions, active = job["spec"].get("completions"), tally.active
    if completions is None:
        wanted = len(active) if tally.succeeded else jobs.parallelism(job)
    else:
        wanted = min(jobs.parallelism(job), max(completions - tally.succeeded, 0))
    if len(active) > wanted:
        doomed = sorted(active, key=lambda pod: deletion_order(pod, {}, now))
        return [_deletion(job, pod) for pod in doomed[: len(active) - wanted]], None
    waiting = tally.terminating if job["spec"].get("podReplacementPolicy") == "Failed" else 0
    missing = min(wanted - len(active) - waiting, MAX_CREATED)
    if missing <= 0:
        return [], None
    delay = jobs.retry_in(observed.pods, now)
    if delay > 0:
        return [], delay
    told = Told(job, "SuccessfulCreate", "Created pod: {name}", "FailedCreate", "Error creating: {error}")
    namespace = job["metadata"]["namespace"]
    if not jobs.is_indexed(job):
        return [Create(PODS, _pod(observed, None), namespace, told)] * missing, None
    taken = tally.indexes | {index for pod in active if (index := jobs.index_of(pod)) is not None}
    free = [index for index in range(completions or 0) if index not in taken][:missing]
    return [Create(PODS, _pod(observed, index), namespace, told) for index in free], None


def _pod(observed: Observed, index: int | None) -> Obj:
    job = observed.job
    pod = from_template(job["spec"]["template"], job, observed.reference)
    meta, spec = pod["metadata"], pod["spec"]
    meta = {**meta, "finalizers": [*(meta.get("finalizers") or ()), jobs.TRACKING]}
    if index is not None:
        name = f"{job['metadata']['name']}-{index}"
        meta["generateName"] = f"{name}-"
        meta["annotations"] = {**(meta.get("annotations") or {}), jobs.INDEX: str(index)}
        meta["labels"] = {**(meta.get("labels") or {}), jobs.INDEX: str(index)}
        spec = {**spec, "hostname": name} if len(name) <= 63 else spec
        for field in ("containers", "initContainers"):
            if spec.get(field):
                spec = {**spec, field: [_with_index(each) for each in spec[field]]}
    return {**pod, "metadata": meta, "spec": spec}


def _with_index(container: Obj) -> Obj:
    env = container.get("env") or []
    if any(each["name"] == "JOB_COMPLETION_INDEX" for each in env):
        return container
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{jobs.INDEX}']"}}
    return {**container, "env": [*env, {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]}


def _deletion(job: Obj, pod: Obj) -> Delete:
    told = Told(job, "SuccessfulDelete", "Deleted pod: {name}", "FailedDelete", "Error deleting: {error}")
    meta = pod["metadata"]
    return Delete(PODS, meta["namespace"], meta["name"], meta["uid"], told)


def _release(pod: Obj) -> Patch:
    """Take our finalizer off a pod."""
    meta = pod["metadata"]
    kept = [each for each in meta.get("finalizers") or () if each != jobs.TRACKING]
    changes = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"], "finalizers": kept}
    return Patch(PODS, meta["namespace"], meta["name"], {"metadata": changes})


CONTROLLER = Controller("job-controller", Reconciler(JOBS, WATCHES, observe, decide, "job-controller"))
