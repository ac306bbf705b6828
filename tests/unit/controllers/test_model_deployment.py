"""Deployments and their ReplicaSets as a model: whatever users, kubelets and failures do, the limits hold and the end is as desired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from kubern.base.json import Obj
from kubern.controllers.deployment.model import is_rolling, limits, replicas
from kubern.controllers.kinds import deployment, replicaset
from kubern.controllers.pods import is_finished
from kubern.controllers.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from tests.unit.controllers.chaos import SETTINGS, Chaos, reconcilers
from tests.unit.controllers.late import controllers

IMAGES = ("one", "two", "three")
STEPS = st.sampled_from([0, 1, 2, "25%", "50%", "100%"])


class Bounds(NamedTuple):
    """The least number of available pods, and the most there may be."""

    least: int
    most: int


def web(count: int, strategy: Obj) -> Obj:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "one"}]}}
    spec = {"replicas": count, "selector": {"matchLabels": {"app": "web"}}, "template": template, "strategy": strategy}
    spec |= {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 1}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "ns"}, "spec": spec}


class Deployments(Chaos):
    """`bounds` are those of every spec since the last rest: a controller may still be at work on an older one."""

    RECONCILERS = reconcilers(deployment.CONTROLLER, replicaset.CONTROLLER)

    @initialize(count=st.integers(0, 6), surge=STEPS, unavailable=STEPS, recreate=st.integers(0, 3))
    def create(self, count: int, surge: Any, unavailable: Any, recreate: int) -> None:
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
        self.server.create(DEPLOYMENTS, web(count, rolling if recreate else {"type": "Recreate"}))
        self.bounds = [self._bounds()]

    def web(self) -> Obj:
        return self.server.get(DEPLOYMENTS, "web")

    def _bounds(self) -> Bounds:
        found, allowed = self.web(), limits(self.web())
        least = replicas(found) - allowed.unavailable if is_rolling(found) else 0
        return Bounds(least, replicas(found) + allowed.surge)

    def _change(self, **spec: Any) -> None:
        found = self.web()
        self.server.change(DEPLOYMENTS, found, spec={**found["spec"], **spec})
        self.bounds.append(self._bounds())

    @rule(count=st.integers(0, 8))
    def scale(self, count: int) -> None:
        self._change(replicas=count)

    @rule(image=st.sampled_from(IMAGES))
    def update(self, image: str) -> None:
        """Set another image, or roll back to an earlier one."""
        template = self.web()["spec"]["template"]
        self._change(template={**template, "spec": {"containers": [{"name": "c", "image": image}]}})

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self._change(paused=paused)

    def worked(self, before: Sequence[Obj]) -> None:
        least = min(bounds.least for bounds in self.bounds) - self.lost
        assert self.ready(self.pods()) >= min(self.ready(before), least)

        assert len(self.pods()) <= max(bounds.most for bounds in self.bounds)
        if not is_rolling(self.web()):
            there = [pod for pod in self.server.list(PODS) if not is_finished(pod)]
            assert len({pod["spec"]["containers"][0]["image"] for pod in there}) <= 1

    def rested(self) -> None:
        wanted, pods = self.web(), self.pods()
        self.bounds = [self._bounds()]
        assert self.ready(pods) == len(pods)
        owners = {each["metadata"]["uid"] for each in self.server.list(REPLICA_SETS)}
        for pod in pods:
            assert next(controllers(pod))["uid"] in owners
        if wanted["spec"].get("paused"):
            return
        images = [pod["spec"]["containers"][0]["image"] for pod in pods]
        assert images == [wanted["spec"]["template"]["spec"]["containers"][0]["image"]] * replicas(wanted)
        status = wanted["status"]
        assert status["observedGeneration"] == wanted["metadata"]["generation"]
        assert status.get("availableReplicas", 0) == status.get("updatedReplicas", 0) == replicas(wanted)
        assert len(self.server.list(REPLICA_SETS)) <= 2


TestDeployments = Deployments.TestCase
TestDeployments.settings = SETTINGS
