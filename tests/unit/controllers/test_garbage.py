"""The garbage collector's graph and decisions."""

from __future__ import annotations

from typing import Any

from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.controllers.actions import Delete, Patch
from kubern.controllers.garbage.decision import Observed, Owner, decide
from kubern.controllers.garbage.graph import FOREGROUND, ORPHAN, Graph, Node

MAPS = GVR("", "v1", "configmaps")


def reference(uid: str, *, block: bool = True) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": uid, "uid": uid, "blockOwnerDeletion": block}


def node(uid: str, *owners: Obj, finalizers: tuple[str, ...] = (), deleting: bool = False) -> Node:
    meta: Obj = {"name": uid, "namespace": "ns", "uid": uid, "resourceVersion": "1", "ownerReferences": list(owners)}
    if finalizers:
        meta["finalizers"] = list(finalizers)
    if deleting:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return Node(MAPS, "ConfigMap", True, meta)


def decided(one: Node, *states: Owner, dependents: tuple[Node, ...] = ()) -> tuple[Any, ...]:
    return decide(Observed(one, list(zip(one.owners, states, strict=True)), dependents)).actions


def test_an_object_whose_owners_are_all_gone_is_deleted_as_it_was_seen() -> None:
    (action,) = decided(node("a", reference("x")), Owner.DANGLING)
    assert isinstance(action, Delete)
    assert (action.uid, action.resource_version, action.propagation) == ("a", "1", "Background")


def test_a_dead_reference_beside_a_live_one_is_dropped() -> None:
    (action,) = decided(node("a", reference("x"), reference("y")), Owner.DANGLING, Owner.SOLID)
    assert isinstance(action, Patch)
    assert [each["uid"] for each in action.patch["metadata"]["ownerReferences"]] == ["y"]
    assert action.patch["metadata"]["resourceVersion"] == "1"


def test_nothing_happens_while_an_owner_is_there_or_cannot_be_asked() -> None:
    assert decided(node("a", reference("x")), Owner.SOLID) == ()
    assert decided(node("a", reference("x")), Owner.UNKNOWN) == ()
    assert decided(node("a")) == ()
    assert decided(node("a", reference("x"), deleting=True), Owner.DANGLING) == ()


def test_an_owner_in_the_foreground_waits_for_those_that_block_it() -> None:
    owner = node("x", finalizers=(FOREGROUND,), deleting=True)
    assert decided(owner, dependents=(node("a", reference("x")),)) == ()
    (action,) = decided(owner, dependents=(node("a", reference("x", block=False)),))
    assert action.patch["metadata"]["finalizers"] == []


def test_dependents_of_an_owner_in_the_foreground_go_with_their_own_in_the_foreground() -> None:
    (leaf,) = decided(node("a", reference("x")), Owner.WAITING)
    assert leaf.propagation == "Background"
    (branch,) = decided(node("a", reference("x")), Owner.WAITING, dependents=(node("b", reference("a")),))
    assert branch.propagation == "Foreground"


def test_two_that_wait_for_each_other_block_no_longer() -> None:
    circle = node("b", reference("a"), finalizers=(FOREGROUND,), deleting=True)
    unblock, delete = decided(node("a", reference("b")), Owner.WAITING, dependents=(circle,))
    assert unblock.patch["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] is False
    assert (delete.propagation, delete.resource_version) == ("Foreground", "")


def test_orphans_lose_their_reference_before_the_owner_goes() -> None:
    owner = node("x", finalizers=(ORPHAN, "mine"), deleting=True)
    first, last = decided(owner, dependents=(node("a", reference("x"), reference("y")),))
    assert first.name == "a"
    assert [each["uid"] for each in first.patch["metadata"]["ownerReferences"]] == ["y"]
    assert last.name == "x"
    assert last.patch["metadata"]["finalizers"] == ["mine"]


def test_the_graph_says_whose_fate_a_change_may_alter() -> None:
    graph = Graph()
    assert graph.put(node("a", reference("x"))) == {"a"}
    assert graph.put(node("x")) == set()
    assert graph.put(node("a", reference("x"))) == set()
    assert [each.uid for each in graph.dependents("x")] == ["a"]
    assert graph.put(node("x", finalizers=(FOREGROUND,), deleting=True)) == {"x", "a"}
    assert graph.remove("a") == {"x"}
    assert graph.remove("x") == set()
    assert graph.remove("x") == set()


def test_dependents_are_looked_at_when_their_owner_goes() -> None:
    graph = Graph()
    graph.put(node("x"))
    graph.put(node("a", reference("x")))
    graph.put(node("b", reference("x")))
    assert graph.remove("x") == {"a", "b"}
    graph.put(node("b"))
    assert [each.uid for each in graph.dependents("x")] == ["a"]


def test_a_reference_that_no_longer_blocks_wakes_the_owner_that_waits() -> None:
    graph = Graph()
    graph.put(node("x", finalizers=(FOREGROUND,), deleting=True))
    graph.put(node("a", reference("x")))
    assert graph.put(node("a", reference("x", block=False))) == {"a", "x"}
