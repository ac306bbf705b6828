"""StatefulSets as a model: one pod at most has a number, pods come and go in order, and the end is as desired."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from kubern.base.json import Obj
from kubern.controllers.kinds import statefulset
from kubern.controllers.pods import is_ready
from kubern.controllers.resources import STATEFUL_SETS
from tests.unit.controllers.chaos import SETTINGS, Chaos, reconcilers
from tests.unit.controllers.late import controllers
from tests.unit.controllers.workloads import template, workload


def ordinal(pod: Obj) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


class StatefulSets(Chaos):
    """`least` is the smallest size since the last rest: the controller may still be at work on an older one."""

    RECONCILERS = reconcilers(statefulset.CONTROLLER)

    @initialize(count=st.integers(0, 5), parallel=st.booleans())
    def create(self, count: int, parallel: bool) -> None:
        policy = "Parallel" if parallel else "OrderedReady"
        self.server.create(STATEFUL_SETS, workload("StatefulSet", replicas=count, podManagementPolicy=policy))
        self.least, self.ordered = count, not parallel

    def db(self) -> Obj:
        return self.server.get(STATEFUL_SETS, "db")

    def _change(self, **spec: object) -> None:
        found = self.db()
        changed = self.server.change(STATEFUL_SETS, found, spec={**found["spec"], **spec})
        self.least = min(self.least, changed["spec"]["replicas"])

    @rule(count=st.integers(0, 6))
    def scale(self, count: int) -> None:
        self._change(replicas=count)

    @rule(image=st.sampled_from(["one", "two", "three"]))
    def update(self, image: str) -> None:
        self._change(template=template(image))

    def worked(self, before: Sequence[Obj]) -> None:
        if not self.ordered or self.lost:
            return
        there, now = {ordinal(pod) for pod in before}, {ordinal(pod): pod for pod in self.pods()}
        for made in now.keys() - there:
            assert all(lower in now and is_ready(now[lower]) for lower in range(made))
        if there - now.keys():
            assert len(there - now.keys()) == 1
            assert self.ready([*now.values()]) >= min(self.ready(before), self.least - 1)

    def rested(self) -> None:
        wanted, pods = self.db(), sorted(self.pods(), key=ordinal)
        self.least = count = wanted["spec"]["replicas"]
        assert [pod["metadata"]["name"] for pod in pods] == [f"db-{number}" for number in range(count)]
        assert self.ready(pods) == count
        for pod in pods:
            assert next(controllers(pod))["uid"] == wanted["metadata"]["uid"]
            assert pod["spec"]["containers"] == wanted["spec"]["template"]["spec"]["containers"]
        status = wanted["status"]
        assert status["observedGeneration"] == wanted["metadata"]["generation"]
        assert status["currentRevision"] == status["updateRevision"]
        assert status["replicas"] == status.get("readyReplicas", 0) == count


TestStatefulSets = StatefulSets.TestCase
TestStatefulSets.settings = SETTINGS
