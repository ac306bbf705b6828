"""Jobs as a model: every pod is counted once whenever the counting process dies, and completions are exact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from kubern.base.json import Obj
from kubern.controllers.conditions import find
from kubern.controllers.kinds import job
from kubern.controllers.owners import controller_of
from kubern.controllers.pods import is_active, is_ready
from kubern.controllers.resources import JOBS, PODS
from tests.unit.controllers.chaos import PICK, SETTINGS, Chaos, reconcilers
from tests.unit.controllers.workloads import workload


class Jobs(Chaos):
    """`succeeded` and `failed` hold the uids of the pods that ended so; `most` is the largest parallelism since the last rest.

    A pod that is to be deleted is in `doomed`, and may count as failed before it ends. One of them that has no owner is in `strayed`: no
    Job adopts it, so what became of it is not counted, unless that happened before.
    """

    RECONCILERS = reconcilers(job.CONTROLLER)
    PATIENCE = timedelta(hours=2)

    @initialize(completions=st.integers(1, 5), parallelism=st.integers(1, 4), indexed=st.booleans())
    def create(self, completions: int, parallelism: int, indexed: bool) -> None:
        mode = "Indexed" if indexed else "NonIndexed"
        spec = {"completions": completions, "parallelism": parallelism, "completionMode": mode, "backoffLimit": 1000}
        self.server.create(JOBS, workload("Job", **spec))
        self.most, self.counted = parallelism, 0
        self.succeeded: set[str] = set()
        self.failed: set[str] = set()
        self.doomed: set[str] = set()
        self.strayed: set[str] = set()

    def _note_deletions(self) -> None:
        leaving = [pod for pod in self.server.list(PODS) if pod["metadata"].get("deletionTimestamp")]
        self.doomed |= {pod["metadata"]["uid"] for pod in leaving}
        self.strayed |= {pod["metadata"]["uid"] for pod in leaving if controller_of(pod) is None}

    def job(self) -> Obj:
        return self.server.get(JOBS, "db")

    def _change(self, **spec: object) -> None:
        found = self.job()
        if find((found.get("status") or {}).get("conditions"), "Complete") is None:
            self.server.change(JOBS, found, spec={**found["spec"], **spec})
            self.most = max(self.most, self.job()["spec"]["parallelism"])

    @rule(parallelism=st.integers(0, 4))
    def scale(self, parallelism: int) -> None:
        self._change(parallelism=parallelism)

    @rule(suspend=st.booleans())
    def suspend(self, suspend: bool) -> None:
        self._change(suspend=suspend)

    @rule(pick=PICK, phase=st.sampled_from(["Succeeded", "Failed"]))
    def finish(self, pick: int, phase: str) -> None:
        running = [pod for pod in self.pods() if is_ready(pod)]
        if running:
            self._finish(running[pick % len(running)], phase)

    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        """Somebody deletes a pod, whether it has ended or not."""
        pods = self.server.list(PODS)
        if pods:
            self.server.delete(PODS, ("ns", pods[pick % len(pods)]["metadata"]["name"]))
            self._note_deletions()

    def _finish(self, pod: Obj, phase: str) -> None:
        (self.succeeded if phase == "Succeeded" else self.failed).add(pod["metadata"]["uid"])
        self.server.change(PODS, pod, status={"phase": phase})

    def _waits(self, pod: Obj) -> bool:
        phase = (pod.get("status") or {}).get("phase")
        return phase not in ("Succeeded", "Failed")

    def _get_on(self, pod: Obj) -> None:
        if is_active(pod) and is_ready(pod):
            self._finish(pod, "Succeeded")
        else:
            super()._get_on(pod)

    def ended(self, pod: Obj) -> None:
        self._finish(pod, "Failed")

    def crash(self, pick: int, way: str) -> None:  # type: ignore[override]
        """Pods of a Job end; they are not repaired."""

    def worked(self, before: Sequence[Obj]) -> None:
        self._note_deletions()
        status = self.job().get("status") or {}
        assert len(self.pods()) <= max(self.most, len(before))
        assert self.counted <= status.get("succeeded", 0) <= len(self.succeeded)
        assert status.get("failed", 0) <= len(self.failed | self.doomed)
        self.counted = status.get("succeeded", 0)

    def rested(self) -> None:
        found = self.job()
        spec, status = found["spec"], found["status"]
        self.most = spec["parallelism"]
        assert not self.pods()
        assert len(self.succeeded - self.strayed) <= status.get("succeeded", 0) <= len(self.succeeded)
        if spec.get("suspend") or not spec["parallelism"]:
            return
        assert status["succeeded"] == spec["completions"]
        assert find(status["conditions"], "Complete")["status"] == "True"
        assert not any(pod["metadata"].get("finalizers") for pod in self.server.list(PODS))
        if spec["completionMode"] == "Indexed":
            last = spec["completions"] - 1
            assert status["completedIndexes"] == (f"0-{last}" if last > 1 else ",".join("01"[: last + 1]))


TestJobs = Jobs.TestCase
TestJobs.settings = SETTINGS
