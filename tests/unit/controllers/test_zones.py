"""Zones: how fast their nodes lose their pods, and that a partition does not empty the cluster."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.controllers.cache import Options
from kubern.controllers.kinds import nodelifecycle
from kubern.controllers.resources import LEASES, NODES
from kubern.controllers.zones import FULL, NORMAL, PARTIAL, EvictionRates, Zones, state_of, zone_of
from tests.unit.controllers.world import START, World

LIFE = nodelifecycle.CONTROLLER.reconciler
assert LIFE is not None


@pytest.mark.parametrize(
    ("size", "ill", "state"),
    [
        (1, 0, NORMAL), (1, 1, FULL), (3, 2, NORMAL), (4, 2, NORMAL), (5, 3, PARTIAL), (6, 3, NORMAL), (3, 3, FULL),
        (100, 54, NORMAL), (100, 55, PARTIAL),
    ],
)  # fmt: skip
def test_states(size, ill, state):
    assert state_of(size, ill, 0.55) == state


@pytest.mark.parametrize(
    ("labels", "zone"),
    [
        ({}, ""),
        ({"topology.kubernetes.io/zone": "a"}, ":a"),
        ({"topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": "r"}, "r:a"),
        ({"failure-domain.beta.kubernetes.io/zone": "a"}, ":a"),
    ],
)
def test_the_zone_of_a_node(labels, zone):
    assert zone_of({"metadata": {"name": "n", "labels": labels}}) == zone


def seen(**sizes: tuple[int, int]) -> Zones:
    """Zones of so many nodes, of which so many are ill."""
    zones = Zones()
    for zone, (size, ill) in sizes.items():
        for number in range(size):
            zones.see(f"{zone}{number}", zone, number >= ill, START)
    return zones


@pytest.mark.parametrize(
    ("zones", "rate"),
    [
        (seen(a=(10, 1), b=(10, 0)), 0.1),
        (seen(a=(10, 10), b=(10, 0)), 0.1),
        (seen(a=(10, 6), b=(10, 0)), 0.0),
        (seen(a=(50, 30), b=(10, 0)), 0.0),
        (seen(a=(51, 30), b=(10, 0)), 0.01),
        (seen(a=(10, 10), b=(10, 10)), 0.0),
    ],
    ids=["normal", "full", "partial", "partial of fifty", "partial of more", "everything"],
)
def test_rates(zones, rate):
    assert zones.rate("a") == rate


def test_a_zone_loses_one_node_at_a_time_and_who_was_allowed_may_ask_again():
    zones = seen(a=(10, 2), b=(10, 1))
    assert zones.may_empty("a0", "a", START)
    assert zones.may_empty("a0", "a", START)
    assert not zones.may_empty("a1", "a", START + timedelta(seconds=9))
    assert zones.may_empty("b0", "b", START)
    assert zones.may_empty("a1", "a", START + timedelta(seconds=10))


class Nodes:
    """A world of nodes of which some have stopped to report; everything is looked at every five seconds."""

    def __init__(self, zones: dict[str, int], rates: EvictionRates = EvictionRates()) -> None:  # noqa: B008
        self.world = World(Options(eviction_rates=rates))
        self.silent: set[str] = set()
        for zone, size in zones.items():
            for number in range(size):
                labels = {"topology.kubernetes.io/zone": zone}
                meta = {"name": f"{zone}{number}", "labels": labels}
                self.world.put(NODES, {"metadata": meta, "spec": {}, "status": {"conditions": [self._ready()]}})
        self.look()

    def _ready(self) -> Obj:
        return {"type": "Ready", "status": "True", "lastHeartbeatTime": rfc3339(self.world.now)}

    def look(self) -> None:
        for node in self.world.list(NODES):
            name = node["metadata"]["name"]
            if name not in self.silent:
                meta = {"name": name, "namespace": "kube-node-lease"}
                self.world.put(LEASES, {"metadata": meta, "spec": {"renewTime": rfc3339(self.world.now)}})
                self.world.put(NODES, {**self.world.get(NODES, name, ""), "status": {"conditions": [self._ready()]}})
            self.world.settle(LIFE, ("", name))

    def run(self, seconds: int) -> None:
        for _ in range(0, seconds, 5):
            self.world.pass_time(5)
            self.look()

    def told(self, effect: str = "NoExecute") -> set[str]:
        """Return the nodes whose pods are told to leave."""
        return {
            node["metadata"]["name"]
            for node in self.world.list(NODES)
            if any(taint["effect"] == effect for taint in node["spec"].get("taints") or ())
        }


def test_a_partition_of_half_the_zones_empties_one_node_in_ten_seconds_of_each():
    nodes = Nodes({"a": 6, "b": 6, "c": 6, "d": 6})
    nodes.silent = {f"{zone}{number}" for zone in "ab" for number in range(6)}
    nodes.run(60)
    assert nodes.told("NoSchedule") == nodes.silent
    first = nodes.told()
    assert len(first) <= 2 * 2
    nodes.run(20)
    assert len(nodes.told()) <= len(first) + 2 * 2
    nodes.silent = set()
    nodes.run(5)
    assert nodes.told() == nodes.told("NoSchedule") == set()


def test_a_zone_that_is_partly_ill_loses_nothing_more():
    nodes = Nodes({"a": 10, "b": 3})
    nodes.silent = {f"a{number}" for number in range(7)}
    nodes.run(300)
    assert nodes.told("NoSchedule") == nodes.silent
    # the first two are silent before the zone is ill: three and more than half of it
    assert len(nodes.told()) <= 1


def test_nothing_is_evicted_when_no_zone_has_a_ready_node_and_all_have_their_time_anew():
    nodes = Nodes({"a": 3, "b": 3})
    nodes.silent = {node["metadata"]["name"] for node in nodes.world.list(NODES)}
    nodes.run(600)
    assert nodes.told("NoSchedule") == nodes.silent
    assert nodes.told() == set()
    nodes.silent -= {"a0"}
    nodes.run(10)
    assert nodes.told("NoSchedule") == nodes.silent
    nodes.run(100)
    assert nodes.told() <= nodes.silent


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_whatever_falls_silent_no_zone_is_emptied_faster_than_its_rate_and_all_heal(data):
    sizes = {zone: data.draw(st.integers(1, 4)) for zone in "abc"}
    nodes = Nodes(sizes, EvictionRates(large_cluster_size_threshold=2, secondary_node_eviction_rate=0.02))
    names = sorted(node["metadata"]["name"] for node in nodes.world.list(NODES))
    for _ in range(4):
        nodes.silent = set(data.draw(st.lists(st.sampled_from(names), unique=True)))
        before = nodes.told()
        nodes.run(60)
        for zone in sizes:
            assert len([name for name in nodes.told() - before if name[0] == zone]) <= 60 / 10 + 1
    nodes.silent = set()
    nodes.run(5)
    assert nodes.told() == nodes.told("NoSchedule") == set()


def test_nodes_that_are_gone_do_not_count():
    nodes = Nodes({"a": 3, "b": 2})
    for number in range(2):
        nodes.world.remove(NODES, nodes.world.get(NODES, f"b{number}", ""))
    nodes.silent = {f"a{number}" for number in range(3)}
    nodes.run(600)
    assert nodes.told() == set()
