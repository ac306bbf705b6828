"""A Job's pods, counted: each once and for all, in steps that survive a crash between any two. Pure.

With a limit per index the newest failed pod of an index is counted only when its successor is there: what it knows of the failures
before it must not be lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubern.base.json import Obj
from kubern.controllers.actions import Action
from kubern.controllers.job import facts, policies
from kubern.controllers.job.pods import release
from kubern.controllers.pods import is_active, is_finished, is_ready, phase


class Tally:
    """The pods of a Job, counted."""

    def __init__(self, job: Obj, pods: Sequence[Obj]) -> None:
        self.job, self.pods = job, pods
        self.old = job.get("status") or {}
        uncounted = self.old.get("uncountedTerminatedPods") or {}
        tracked = {pod["metadata"]["uid"]: pod for pod in pods if facts.is_tracked(pod)}
        self.releases: list[Action] = []
        self.uncounted: dict[str, list[str]] = {"succeeded": [], "failed": []}
        self.counted = {"succeeded": self.old.get("succeeded", 0), "failed": self.old.get("failed", 0)}
        self.indexes = facts.read_indexes(self.old.get("completedIndexes") or "")
        self.failed_indexes = facts.read_indexes(self.old.get("failedIndexes") or "")
        self.retries: dict[int, Obj] = {}
        """The failed pod of each index that is to be tried again."""
        self.fail_job = ""
        """Why the failure policy ends the Job; empty: it does not."""
        for outcome in ("succeeded", "failed"):
            for uid in uncounted.get(outcome) or ():
                if uid in tracked:
                    self.releases.append(release(tracked[uid]))
                    self.uncounted[outcome].append(uid)
                else:
                    self.counted[outcome] += 1
        self.active = [pod for pod in pods if is_active(pod)]
        self._add_new(tracked, {uid for listed in uncounted.values() for uid in listed})

    def _add_new(self, tracked: dict[str, Obj], known: set[str]) -> None:
        ended = sorted(tracked.items(), key=lambda item: (phase(item[1]) != "Succeeded", item[0]))
        for uid, pod in ended:  # what has succeeded first: such an index is not tried again
            if phase(pod) == "Succeeded":
                self._succeeded(uid, pod, known)
            elif uid in known:
                continue
            elif facts.has_failed(self.job, pod):
                self._failed(uid, pod)
            elif pod["metadata"].get("deletionTimestamp"):
                self.releases.append(release(pod))  # of a suspended Job: not counted at all

    def _succeeded(self, uid: str, pod: Obj, known: set[str]) -> None:
        if facts.is_indexed(self.job):
            index = self._index(pod)
            if index is None:
                self.releases.append(release(pod))
                return
            self.indexes.add(index)
            self.failed_indexes.discard(index)
        if uid not in known:
            self.uncounted["succeeded"].append(uid)

    def _failed(self, uid: str, pod: Obj) -> None:
        said = policies.meaning(self.job, pod)
        if said.action == policies.FAIL_JOB:
            self.fail_job = self.fail_job or said.message
        limit, index = policies.limit_per_index(self.job), self._index(pod)
        if limit is not None and index is not None and index not in self.indexes:
            failures = policies.failures(pod) + (said.action != policies.IGNORE)
            if said.action == policies.FAIL_INDEX or failures > limit:
                self.failed_indexes.add(index)
            elif index not in self.failed_indexes and not self._has_successor(pod, index):
                self.retries[index] = pod
                return
        self._count_failure(uid, pod, said.action)

    def _count_failure(self, uid: str, pod: Obj, action: str) -> None:
        if action == policies.IGNORE:
            self.releases.append(release(pod))
        else:
            self.uncounted["failed"].append(uid)

    def _has_successor(self, pod: Obj, index: int) -> bool:
        tries = policies.attempts(pod)
        return any(facts.index_of(each) == index and policies.attempts(each) > tries for each in self.pods)

    def _index(self, pod: Obj) -> int | None:
        """Return a pod's index when it is one of the Job's."""
        index = facts.index_of(pod)
        return index if index is not None and 0 <= index < int(self.job["spec"].get("completions") or 0) else None

    def close(self) -> None:
        """Count what waited for a successor: there will be none."""
        for pod in self.retries.values():
            self._count_failure(pod["metadata"]["uid"], pod, policies.meaning(self.job, pod).action)
        self.retries = {}

    @property
    def succeeded(self) -> int:
        """How many have succeeded; with indexes, how many indexes have."""
        if facts.is_indexed(self.job):
            return len(self.indexes)
        return int(self.counted["succeeded"]) + len(self.uncounted["succeeded"])

    @property
    def failed(self) -> int:
        """How many have failed."""
        waiting = [p for p in self.retries.values() if policies.meaning(self.job, p).action != policies.IGNORE]
        return int(self.counted["failed"]) + len(self.uncounted["failed"]) + len(waiting)

    @property
    def terminating(self) -> int:
        """How many are being deleted and have not ended."""
        return sum(bool(pod["metadata"].get("deletionTimestamp")) and not is_finished(pod) for pod in self.pods)

    def settled(self) -> bool:
        """Say whether nothing is left to count, nor to wait for."""
        return not (self.active or self.terminating or self.retries or any(self.uncounted.values()))

    def status(self) -> Obj:
        """Return the Job's new status."""
        indexed = facts.is_indexed(self.job)
        counts: Obj = {
            "active": len(self.active),
            "succeeded": len(self.indexes) if indexed else self.counted["succeeded"],
            "failed": self.counted["failed"],
        }
        kept = ("startTime", "conditions", "completionTime")
        status: Obj = {name: self.old[name] for name in kept if name in self.old}
        status |= {name: count for name, count in counts.items() if count}
        status["ready"] = sum(map(is_ready, self.active))
        status["terminating"] = self.terminating
        status["uncountedTerminatedPods"] = {name: listed for name, listed in self.uncounted.items() if listed}
        if indexed and self.indexes:
            status["completedIndexes"] = facts.write_indexes(self.indexes)
        if policies.limit_per_index(self.job) is not None:
            status["failedIndexes"] = facts.write_indexes(self.failed_indexes)
        return status
