"""Storage objects that are used outlive their deletion."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api.protection import ATTRIBUTES_CLASS, CLAIM, VOLUME
from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.client.client import ListResult
from kubern.controllers.kinds import pv_protection, pvc_protection, vac_protection
from kubern.controllers.resources import ATTRIBUTES_CLASSES, CLAIMS, PODS, VOLUMES
from tests.unit.controllers.world import START, World, pod

CLAIMING, VOLUMES_OF = pvc_protection.CONTROLLER.reconciler, pv_protection.CONTROLLER.reconciler
CLASSES = vac_protection.CONTROLLER.reconciler
assert CLAIMING is not None
assert VOLUMES_OF is not None
assert CLASSES is not None


def meta(*finalizers: str, deleted: bool = False, **more: Any) -> Obj:
    found: Obj = {"name": "c", "uid": "u", "finalizers": list(finalizers)} | more
    return found | ({"deletionTimestamp": rfc3339(START)} if deleted else {})


def claim(*finalizers: str, deleted: bool = False, owner: str = "") -> Obj:
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": True}] if owner else []
    return {"metadata": meta(*finalizers, deleted=deleted, namespace="ns", ownerReferences=owners), "spec": {}}


def using(name: str = "c", **spec: Any) -> Obj:
    return pod("p", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": name}}], **spec)


EPHEMERAL = pod("p", volumes=[{"name": "v", "ephemeral": {}}])
EPHEMERAL["metadata"]["uid"] = "pod-1"
SHUT_DOWN: Obj = EPHEMERAL | {
    "metadata": EPHEMERAL["metadata"] | {"deletionTimestamp": rfc3339(START), "deletionGracePeriodSeconds": 0}
}


@pytest.mark.parametrize(
    ("user", "name", "owner", "used"),
    [
        (using(), "c", "", True),
        (using("another"), "c", "", False),
        (using(node=""), "c", "", False),
        (using() | {"status": {"phase": "Succeeded"}}, "c", "", True),
        (EPHEMERAL, "p-v", "pod-1", True),
        (EPHEMERAL, "p-v", "another", False),
        (EPHEMERAL, "p-v", "", False),
        (SHUT_DOWN, "p-v", "pod-1", False),
    ],
)
def test_which_pods_use_a_claim(user: Obj, name: str, owner: str, used: bool) -> None:
    asked = claim(owner=owner)
    asked["metadata"]["name"] = name
    user["metadata"].setdefault("uid", "pod-1")
    assert pvc_protection.uses(user, asked) is used


def test_a_claim_stays_until_its_last_pod_has_gone() -> None:
    world = World()
    world.put(CLAIMS, claim(CLAIM, "mine", deleted=True))
    user = world.put(PODS, using())
    assert world.settle(CLAIMING, ("ns", "c")) == 0
    world.remove(PODS, user)
    (to_keys,) = (watch.keys for watch in pvc_protection.WATCHES if watch.gvr == PODS)
    assert list(to_keys(user, None, world.cache)) == [("ns", "c")]
    assert world.settle(CLAIMING, ("ns", "c")) == 1
    assert world.get(CLAIMS, "c")["metadata"]["finalizers"] == ["mine"]


def test_a_claim_of_before_gets_its_finalizer() -> None:
    world = World()
    world.put(CLAIMS, claim())
    assert world.settle(CLAIMING, ("ns", "c")) == 1
    assert world.get(CLAIMS, "c")["metadata"]["finalizers"] == [CLAIM]


class Live:
    """An API that knows a pod which has not arrived in the cache."""

    async def list(self, *_: Any) -> ListResult:
        return ListResult([using()], "1")


async def test_a_pod_that_has_not_arrived_yet_counts() -> None:
    world = World()
    world.put(CLAIMS, claim(CLAIM, deleted=True))
    observed = pvc_protection.observe(("ns", "c"), world.cache)
    assert observed is not None
    assert pvc_protection.decide(observed, START).actions
    observed = await pvc_protection.gather(observed, Live())  # type: ignore[arg-type]
    assert pvc_protection.decide(observed, START).actions == ()


@pytest.mark.parametrize(("phase", "kept"), [("Bound", [VOLUME]), ("Released", []), ("Available", [])])
def test_a_volume_stays_while_it_is_bound(phase: str, kept: list[str]) -> None:
    world = World()
    world.put(VOLUMES, {"metadata": meta(VOLUME, deleted=True), "status": {"phase": phase}})
    world.settle(VOLUMES_OF, ("", "c"))
    assert world.get(VOLUMES, "c", "")["metadata"]["finalizers"] == kept


@pytest.mark.parametrize(
    "user",
    [
        {"spec": {"volumeAttributesClassName": "c"}},
        {"status": {"currentVolumeAttributesClassName": "c"}},
        {"status": {"modifyVolumeStatus": {"targetVolumeAttributesClassName": "c"}}},
    ],
    ids=["asked for", "had", "on its way to"],
)
def test_a_class_stays_while_a_claim_names_it(user: Obj) -> None:
    world = World()
    world.put(ATTRIBUTES_CLASSES, {"metadata": meta(ATTRIBUTES_CLASS, deleted=True)})
    named = world.put(CLAIMS, {"metadata": {"name": "x", "namespace": "ns"}} | user)
    assert world.settle(CLASSES, ("", "c")) == 0
    (to_keys,) = (watch.keys for watch in vac_protection.WATCHES if watch.gvr == CLAIMS)
    assert list(to_keys(named, None, world.cache)) == [("", "c")]
    world.remove(CLAIMS, named)
    assert world.settle(CLASSES, ("", "c")) == 1
