"""DaemonSets as a model: nodes come and go, pods are updated, and every node has one pod in the end and never two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from kubern.base.json import Obj
from kubern.controllers.kinds import daemonset
from kubern.controllers.resources import DAEMON_SETS, NODES
from tests.unit.controllers.chaos import SETTINGS, Chaos, reconcilers
from tests.unit.controllers.late import controllers
from tests.unit.controllers.workloads import template, workload

NAMES = ("a", "b", "c", "d")


class DaemonSets(Chaos):
    """A node that came or went is counted as a loss: its pod is missing, or deleted for good."""

    RECONCILERS = reconcilers(daemonset.CONTROLLER)

    @initialize(most=st.integers(1, 2))
    def create(self, most: int) -> None:
        for name in NAMES[:3]:
            self._join(name)
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": most, "maxSurge": 0}}
        self.server.create(DAEMON_SETS, workload("DaemonSet", updateStrategy=strategy))
        self.most = most

    def _join(self, name: str) -> None:
        self.server.create(NODES, {"metadata": {"name": name, "labels": {}}, "spec": {}})

    @rule(name=st.sampled_from(NAMES))
    def join_or_leave(self, name: str) -> None:
        self.lost += 1
        if ("", name) in self.server.objects.get(NODES, {}):
            self.server.delete(NODES, ("", name))
        else:
            self._join(name)

    @rule(image=st.sampled_from(["one", "two", "three"]))
    def update(self, image: str) -> None:
        found = self.server.get(DAEMON_SETS, "db")
        self.server.change(DAEMON_SETS, found, spec={**found["spec"], "template": template(image)})

    def node_of(self, pod: Obj) -> str:
        required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        return str(required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])

    def worked(self, before: Sequence[Obj]) -> None:
        pods = self.pods()
        assert max(Counter(map(self.node_of, pods)).values(), default=0) <= 1
        least = len(self.server.list(NODES)) - self.most - self.lost
        # pods that are not ready as far as it knows go without counting, as upstream's do
        known = [pod for pod in pods if pod["metadata"]["uid"] in self.known]
        known_before = [pod for pod in before if pod["metadata"]["uid"] in self.known]
        assert self.ready(known) >= min(self.ready(known_before), least)

    def rested(self) -> None:
        wanted, pods = self.server.get(DAEMON_SETS, "db"), self.pods()
        nodes = [node["metadata"]["name"] for node in self.server.list(NODES)]
        assert sorted(map(self.node_of, pods)) == sorted(nodes)
        assert self.ready(pods) == len(pods)
        for pod in pods:
            assert next(controllers(pod))["uid"] == wanted["metadata"]["uid"]
            assert pod["spec"]["containers"] == wanted["spec"]["template"]["spec"]["containers"]
        assert wanted["status"]["numberReady"] == wanted["status"]["desiredNumberScheduled"] == len(nodes)


TestDaemonSets = DaemonSets.TestCase
TestDaemonSets.settings = SETTINGS
