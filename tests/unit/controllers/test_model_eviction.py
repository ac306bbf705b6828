"""Evictions under a PodDisruptionBudget as a model: whoever evicts how fast whatever, never is a pod evicted that the budget needs."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from kubern.apiserver.subresources.eviction import disrupts_nothing, granted, lets_unhealthy_go
from kubern.base.errors import TooManyRequests
from kubern.base.json import Obj
from kubern.controllers.kinds import disruption, replicaset
from kubern.controllers.resources import DISRUPTION_BUDGETS, PODS, REPLICA_SETS
from tests.unit.controllers.chaos import PICK, SETTINGS, Chaos, reconcilers
from tests.unit.controllers.workloads import workload


class Evictions(Chaos):
    """`least` is the smallest number of healthy pods that was asked for since the last rest."""

    RECONCILERS = reconcilers(replicaset.CONTROLLER, disruption.CONTROLLER)

    @initialize(count=st.integers(1, 6), bound=st.integers(0, 4), most=st.booleans())
    def create(self, count: int, bound: int, most: bool) -> None:
        self.server.create(REPLICA_SETS, workload("ReplicaSet", replicas=count))
        self.bound, self.most = bound, most
        spec = {"selector": {"matchLabels": {"app": "db"}}, "maxUnavailable" if most else "minAvailable": bound}
        budget = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "db", "namespace": "ns"},
        }
        self.server.create(DISRUPTION_BUDGETS, {**budget, "spec": spec})
        self.least = self._desired()

    def _count(self) -> int:
        return int(self.server.get(REPLICA_SETS, "db")["spec"]["replicas"])

    def _desired(self) -> int:
        return max(0, self._count() - self.bound) if self.most else self.bound

    @rule(count=st.integers(0, 6))
    def scale(self, count: int) -> None:
        """What a user takes away himself no budget keeps."""
        found = self.server.get(REPLICA_SETS, "db")
        self.lost += max(0, self._count() - count)
        self.server.change(REPLICA_SETS, found, spec={**found["spec"], "replicas": count})
        self.least = min(self.least, self._desired())

    def disown(self, pick: int) -> None:  # type: ignore[override]
        """A budget does not know how many pods an owner wants whom somebody took away."""

    @rule(picks=st.lists(PICK, min_size=1, max_size=6), killed=st.booleans())
    def drain(self, picks: list[int], killed: bool) -> None:
        """Evict some pods one after the other; perhaps the last eviction is granted and then never carried out."""
        for number, pick in enumerate(picks, 1):
            pods = self.pods()
            if pods:
                self._evict(pods[pick % len(pods)], carry_out=not (killed and number == len(picks)))
                self.go_on(self.chance.choice([0, 1, 3, 5]))

    def _evict(self, pod: Obj, carry_out: bool) -> None:
        name, before = pod["metadata"]["name"], self.ready(self.pods())
        budget = self.server.get(DISRUPTION_BUDGETS, "db")
        if not disrupts_nothing(pod) and not lets_unhealthy_go(budget, pod):
            try:
                self.server.update(DISRUPTION_BUDGETS, granted(budget, name, self.server.now), "status")
            except TooManyRequests:
                return
        if carry_out:
            self.server.delete(PODS, ("ns", name))
            assert self.ready(self.pods()) >= min(before, self.least - self.lost)

    def rested(self) -> None:
        count, desired = self._count(), self._desired()
        self.least = desired
        assert self.ready(self.pods()) == len(self.pods()) == count
        status = self.server.get(DISRUPTION_BUDGETS, "db")["status"]
        assert status["currentHealthy"] == status["expectedPods"] == count
        assert status["desiredHealthy"] == (desired if count else status["desiredHealthy"])
        assert status["disruptionsAllowed"] == max(0, count - desired)
        assert "disruptedPods" not in status


TestEvictions = Evictions.TestCase
TestEvictions.settings = SETTINGS
