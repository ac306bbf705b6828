"""Claims that pods bring along."""

from __future__ import annotations

from typing import Any

from kubern.base.json import Obj
from kubern.client.informer import key_of
from kubern.controllers.actions import Create, Event
from kubern.controllers.kinds.ephemeral_volume import CONTROLLER, WATCHES
from kubern.controllers.resources import CLAIMS, PODS
from tests.unit.controllers.world import World

RECONCILER = CONTROLLER.reconciler
assert RECONCILER is not None
TEMPLATE = {
    "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
POD = {
    "metadata": {"name": "p", "namespace": "ns", "uid": "u1"},
    "spec": {
        "volumes": [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": TEMPLATE}}, {"name": "x", "emptyDir": {}}]
    },
}


def look(world: World, pod: Obj) -> list[Any]:
    seen = RECONCILER.observe(key_of(pod), world.cache)
    return list(RECONCILER.decide(seen, world.now).actions) if seen is not None else []


def test_a_pod_gets_the_claim_that_it_brings_along_once():
    world = World()
    pod = world.put(PODS, POD)
    (create,) = look(world, pod)
    assert isinstance(create, Create)
    owner = {
        "apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u1", "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
    meta = {"name": "p-scratch", "namespace": "ns", "labels": {"a": "b"}, "annotations": {"c": "d"}}
    assert create.obj["metadata"] == {**meta, "ownerReferences": [owner]}
    assert create.obj["spec"] == TEMPLATE["spec"]
    claim = world.put(CLAIMS, create.obj)
    assert look(world, pod) == []
    assert list(WATCHES[1].keys(claim, None, world.cache)) == [("ns", "p")]


def test_a_claim_of_that_name_that_is_anothers_is_left_alone():
    world = World()
    pod = world.put(PODS, POD)
    claim = world.put(CLAIMS, {"metadata": {"name": "p-scratch", "namespace": "ns"}, "spec": TEMPLATE["spec"]})
    (event,) = look(world, pod)
    assert isinstance(event, Event)
    said = "ephemeral volume scratch: PVC ns/p-scratch was not created for pod ns/p (pod is not owner)"
    assert (event.type, event.reason, event.message) == ("Warning", "FailedBinding", said)
    # once it is out of the way, the pod is looked at again
    assert list(WATCHES[1].keys(claim, claim, world.cache)) == []
    world.remove(CLAIMS, claim)
    assert list(WATCHES[1].keys(claim, None, world.cache)) == [("ns", "p")]
    (create,) = look(world, pod)
    assert isinstance(create, Create)


def test_a_pod_that_goes_gets_none():
    world = World()
    going = {**POD, "metadata": {**POD["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert look(world, world.put(PODS, going)) == []


def test_pods_without_such_volumes_are_not_looked_at():
    world = World()
    plain = {"metadata": POD["metadata"], "spec": {"volumes": [{"name": "x", "emptyDir": {}}]}}
    assert list(WATCHES[0].keys(None, plain, world.cache)) == []
    assert list(WATCHES[0].keys(None, POD, world.cache)) == [("ns", "p")]
