"""Nodes fall silent, are tainted and go, and with them their pods."""

from __future__ import annotations

from datetime import timedelta

from kubern.base.clock import rfc3339
from kubern.controllers.kinds import nodelifecycle, podgc, taint_eviction
from kubern.controllers.resources import LEASES, NODES, PODS
from tests.unit.controllers.killed import Story
from tests.unit.controllers.late import START, Server
from tests.unit.controllers.stories.acts import drop, later, make, node, spec
from tests.unit.controllers.world import pod

OTHERS = ("n2", "n3", "n4")
TAINT = {"key": "k", "effect": "NoExecute", "timeAdded": rfc3339(START)}
PODS_OF_N1 = tuple(pod(f"p{number}") for number in range(3))


def _beat(server: Server) -> None:
    """Ten seconds pass, in which all nodes but n1 renew their Leases."""
    server.now += timedelta(seconds=10)
    for lease in server.list(LEASES):
        server.change(LEASES, lease, spec={"renewTime": rfc3339(server.now)})


STORIES = {
    "a silent node": Story(
        (nodelifecycle.CONTROLLER, taint_eviction.CONTROLLER),
        (
            make(NODES, *map(node, ("n1", *OTHERS))),
            make(
                LEASES, *({"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {}} for name in OTHERS)
            ),
            make(PODS, *PODS_OF_N1),
            *(_beat for _ in range(80)),
        ),
    ),
    "a node is tainted": Story(
        (taint_eviction.CONTROLLER,),
        (make(NODES, node("n1")), make(PODS, *PODS_OF_N1), spec(NODES, "n1", "", taints=[TAINT])),
    ),
    "a node goes": Story(
        (podgc.CONTROLLER,),
        (
            make(NODES, node("n1")),
            make(PODS, *PODS_OF_N1),
            drop(NODES, "n1", ""),
            *(later(21) for _ in range(9)),
        ),
    ),
}
