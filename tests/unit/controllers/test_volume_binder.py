"""Claims and volumes find each other, and volumes are reclaimed."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.client.informer import key_of
from kubern.controllers.actions import Event, Plan, Update
from kubern.controllers.kinds import persistentvolume_binder
from kubern.controllers.resources import CLAIMS, STORAGE_CLASSES, VOLUMES
from kubern.controllers.volumes.matching import default_class, find, mismatch
from tests.unit.controllers.world import World

BINDER = persistentvolume_binder.CONTROLLER.reconciler
assert BINDER is not None


def claim(size: str = "1Gi", annotations: Obj | None = None, **spec: Any) -> Obj:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
        "storageClassName": "",
    } | spec
    meta = {"name": "c", "namespace": "ns", "uid": "c1", "annotations": annotations or {}}
    return {"metadata": meta, "spec": {key: value for key, value in spec.items() if value is not None}}


def volume(
    name: str = "v", size: str = "1Gi", phase: str = "Available", annotations: Obj | None = None, **spec: Any
) -> Obj:
    spec = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}} | spec
    meta = {"name": name, "uid": f"{name}-uid", "annotations": annotations or {}, "labels": {"disk": name}}
    return {"metadata": meta, "spec": spec, "status": {"phase": phase}}


def reference(uid: str = "c1", name: str = "c") -> Obj:
    return {"namespace": "ns", "name": name} | ({"uid": uid} if uid else {})


def storage_class(
    name: str, mode: str = "Immediate", default: bool = False, provisioner: str = "example.com/disk"
) -> Obj:
    notes = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    meta = {"name": name, "annotations": notes, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": meta, "provisioner": provisioner, "volumeBindingMode": mode}


MATCHES = [
    pytest.param(claim(), [volume("big", "5Gi"), volume("small", "2Gi")], "small", id="smallest that fits"),
    pytest.param(claim("3Gi"), [volume("v", "2Gi")], "", id="too small"),
    pytest.param(claim(), [volume(accessModes=["ReadOnlyMany"])], "", id="access modes"),
    pytest.param(
        claim(), [volume(accessModes=["ReadOnlyMany", "ReadWriteOnce"])], "v", id="more access modes than asked"
    ),
    pytest.param(claim(), [volume(volumeMode="Block")], "", id="volume mode"),
    pytest.param(claim(), [volume(storageClassName="fast")], "", id="class"),
    pytest.param(claim(storageClassName="fast"), [volume(storageClassName="fast")], "v", id="same class"),
    pytest.param(claim(volumeAttributesClassName="gold"), [volume()], "", id="attributes class"),
    pytest.param(claim(selector={"matchLabels": {"disk": "b"}}), [volume("a"), volume("b")], "b", id="selector"),
    pytest.param(claim(), [volume(phase="Released")], "", id="not available"),
    pytest.param(claim(), [volume("a"), volume("b", "9Gi", claimRef=reference(""))], "b", id="reserved goes first"),
    pytest.param(claim(), [volume(claimRef=reference("", "other"))], "", id="reserved for another"),
    pytest.param(claim(), [volume(claimRef=reference("c0"))], "", id="reserved for an earlier claim of the name"),
    pytest.param(claim("9Gi"), [volume(claimRef=reference(""))], "", id="reserved but too small"),
]


@pytest.mark.parametrize(("wanting", "volumes", "name"), MATCHES)
def test_smallest_fitting_volume_is_found(wanting: Obj, volumes: list[Obj], name: str) -> None:
    found = find(wanting, volumes, delayed=False)
    assert (found["metadata"]["name"] if found else "") == name


def test_delayed_claim_takes_only_a_reserved_volume() -> None:
    assert find(claim(), [volume()], delayed=True) is None
    assert find(claim(), [volume(claimRef=reference())], delayed=True) is not None


MISMATCHES = [
    (volume(), ""),
    (volume(size="1Mi"), "requested PV is too small"),
    (volume(storageClassName="x"), "storageClassName does not match"),
    (volume(volumeMode="Block"), "incompatible volumeMode"),
    (volume(accessModes=["ReadOnlyMany"]), "incompatible accessMode"),
]


@pytest.mark.parametrize(("named", "reason"), MISMATCHES, ids=[reason or "fits" for _, reason in MISMATCHES])
def test_named_volume_must_fit(named: Obj, reason: str) -> None:
    assert mismatch(named, claim()) == reason


def test_newest_default_class_wins() -> None:
    newer = storage_class("b", default=True)
    newer["metadata"]["creationTimestamp"] = "2026-02-01T00:00:00Z"
    assert default_class([storage_class("a", default=True), newer, storage_class("c")]) == "b"
    assert default_class([storage_class("c")]) == ""


def look(world: World, obj: Obj) -> Plan:
    assert BINDER is not None
    observed = BINDER.observe(key_of(obj), world.cache)
    assert observed is not None
    plan: Plan = BINDER.decide(observed, world.now)
    for action in plan.actions:
        _apply(world, action)
    return plan


def _apply(world: World, action: Any) -> None:
    assert isinstance(action, Update | Event), "upstream's role for the binder allows no patches"
    if isinstance(action, Update):
        old = world.cache.get(action.gvr, *key_of(action.obj)) or {}
        other = ("spec", "status")[action.subresource != "status"]
        world.put(action.gvr, {**action.obj, other: old.get(other) or {}})


def events(plan: Plan) -> list[str]:
    return [action.reason for action in plan.actions if isinstance(action, Event)]


def test_claim_and_volume_are_bound_both_ways_and_then_left_alone() -> None:
    world = World()
    wanting, held = world.put(CLAIMS, claim()), world.put(VOLUMES, volume(size="2Gi"))
    look(world, wanting)
    bound, taken = world.get(CLAIMS, "c"), world.get(VOLUMES, "v", "")
    assert taken["spec"]["claimRef"]["uid"] == "c1"
    assert taken["metadata"]["annotations"] == {"pv.kubernetes.io/bound-by-controller": "yes"}
    assert bound["spec"]["volumeName"] == "v"
    assert set(bound["metadata"]["annotations"]) == {
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
    }
    assert bound["status"] == {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "2Gi"}}
    assert taken["status"]["phase"] == "Bound"
    assert look(world, wanting).actions == ()
    assert look(world, held).actions == ()


@pytest.mark.parametrize("done", range(5))
def test_binding_is_taken_up_after_any_of_its_writes(done: int) -> None:
    world = World()
    wanting = world.put(CLAIMS, claim())
    world.put(VOLUMES, volume())
    assert BINDER is not None
    for action in BINDER.decide(BINDER.observe(("ns", "c"), world.cache), world.now).actions[:done]:
        _apply(world, action)
    look(world, wanting)
    look(world, wanting)
    assert world.get(CLAIMS, "c")["status"]["phase"] == "Bound"
    assert world.get(VOLUMES, "v", "")["spec"]["claimRef"]["uid"] == "c1"
    assert look(world, wanting).actions == ()


def test_users_own_reservations_are_not_marked_as_the_controllers() -> None:
    world = World()
    wanting = world.put(CLAIMS, claim(volumeName="v"))
    world.put(VOLUMES, volume(claimRef=reference("")))
    look(world, wanting)
    assert set(world.get(CLAIMS, "c")["metadata"]["annotations"]) == {"pv.kubernetes.io/bind-completed"}
    assert world.get(VOLUMES, "v", "")["metadata"]["annotations"] == {}


DONE = {"pv.kubernetes.io/bind-completed": "yes"}
WAITS = [
    pytest.param(claim(), [], [], ["FailedBinding"], "Pending", id="nothing there"),
    pytest.param(claim(storageClassName="x"), [], [], ["ProvisioningFailed"], "Pending", id="no such class"),
    pytest.param(
        claim(storageClassName="w"), [storage_class("w", "WaitForFirstConsumer")], [], ["WaitForFirstConsumer"], "Pending",
        id="waits for its consumer",
    ),
    pytest.param(
        claim(storageClassName="w", annotations={"volume.kubernetes.io/selected-node": "n"}),
        [storage_class("w", "WaitForFirstConsumer")], [], ["ExternalProvisioning"], "Pending", id="consumer has a node",
    ),
    pytest.param(
        claim(storageClassName="i"), [storage_class("i")], [], ["ExternalProvisioning"], "Pending", id="immediate",
    ),
    pytest.param(
        claim(storageClassName="i"), [storage_class("i", provisioner="kubernetes.io/old-disk")], [],
        ["ProvisioningFailed"], "Pending", id="a provisioner that is no more",
    ),
    pytest.param(claim(volumeName="v"), [], [], [], "Pending", id="named volume is not there yet"),
    pytest.param(
        claim(volumeName="v"), [], [volume(claimRef=reference("o", "o"))], ["FailedBinding"], "Pending", id="named is taken",
    ),
    pytest.param(claim("9Gi", volumeName="v"), [], [volume()], ["VolumeMismatch"], "Pending", id="named is too small"),
    pytest.param(claim(annotations=DONE), [], [], ["ClaimLost"], "Lost", id="bound without a name"),
    pytest.param(claim(annotations=DONE, volumeName="v"), [], [], ["ClaimLost"], "Lost", id="bound volume gone"),
    pytest.param(
        claim(annotations=DONE, volumeName="v"), [], [volume(claimRef=reference("o", "o"))], ["ClaimMisbound"], "Lost",
        id="two claims of one volume",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wanting", "classes", "volumes", "told", "phase"), WAITS)
def test_claim_without_volume(
    wanting: Obj, classes: list[Obj], volumes: list[Obj], told: list[str], phase: str
) -> None:
    world = World()
    world.put(CLAIMS, wanting)
    for each in classes:
        world.put(STORAGE_CLASSES, each)
    for each in volumes:
        world.put(VOLUMES, each)
    plan = look(world, wanting)
    assert events(plan) == told
    assert world.get(CLAIMS, "c")["status"]["phase"] == phase
    assert plan.requeue_after == (15.0 if phase == "Pending" else None)


def test_provisioner_is_asked_once() -> None:
    world = World()
    wanting = world.put(CLAIMS, claim(storageClassName="i"))
    world.put(STORAGE_CLASSES, storage_class("i"))
    look(world, wanting)
    notes = world.get(CLAIMS, "c")["metadata"]["annotations"]
    assert notes["volume.kubernetes.io/storage-provisioner"] == "example.com/disk"
    assert [type(action) for action in look(world, wanting).actions] == [Event]


@pytest.mark.parametrize(("named", "becomes"), [(None, "d"), ("", "")], ids=["no class named", "the empty class"])
def test_default_class_is_given_afterwards(named: str | None, becomes: str) -> None:
    world = World()
    wanting = world.put(CLAIMS, claim(storageClassName=named))
    world.put(STORAGE_CLASSES, storage_class("d", default=True))
    look(world, wanting)
    assert world.get(CLAIMS, "c")["spec"]["storageClassName"] == becomes


PROVISIONED = {"pv.kubernetes.io/provisioned-by": "example.com/disk"}
GONE = reference("c0")
RECLAIMS = [
    pytest.param(volume(phase=""), "Available", [], id="new"),
    pytest.param(volume(phase="", claimRef=reference("")), "Available", [], id="reserved by name only"),
    pytest.param(volume(claimRef=GONE, persistentVolumeReclaimPolicy="Retain"), "Released", [], id="retain"),
    pytest.param(
        volume(claimRef=GONE, persistentVolumeReclaimPolicy="Delete", annotations=PROVISIONED), "Released", [],
        id="left to its provisioner",
    ),
    pytest.param(
        volume(claimRef=GONE, persistentVolumeReclaimPolicy="Delete"), "Failed", ["VolumeFailedDelete"], id="nobody deletes it",
    ),
    pytest.param(
        volume(claimRef=GONE, persistentVolumeReclaimPolicy="Recycle"), "Failed", ["VolumeFailedRecycle"], id="recycle",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("held", "phase", "told"), RECLAIMS)
def test_volume_without_its_claim(held: Obj, phase: str, told: list[str]) -> None:
    world = World()
    world.put(CLAIMS, claim())
    world.put(VOLUMES, held)
    assert events(look(world, held)) == told
    assert world.get(VOLUMES, "v", "")["status"]["phase"] == phase
    assert look(world, held).actions == ()


def test_a_volume_that_is_being_deleted_is_released_by_its_claims_end_and_no_more() -> None:
    world = World()
    ending = volume(phase="Bound", claimRef=GONE, persistentVolumeReclaimPolicy="Delete")
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    held = world.put(VOLUMES, ending)
    assert events(look(world, held)) == []
    assert world.get(VOLUMES, "v", "")["status"]["phase"] == "Released"
    del ending["spec"]["claimRef"]
    assert look(world, world.put(VOLUMES, ending)).actions == ()


@pytest.mark.parametrize("ours", [True, False], ids=["bound by the controller", "reserved by a user"])
def test_volume_whose_claim_took_another_is_freed(ours: bool) -> None:
    world = World()
    world.put(CLAIMS, claim(volumeName="other"))
    notes = {"pv.kubernetes.io/bound-by-controller": "yes"} if ours else {}
    held = world.put(VOLUMES, volume(claimRef=reference(), annotations=notes))
    look(world, held)
    assert world.get(VOLUMES, "v", "")["spec"].get("claimRef") == (None if ours else reference(""))
