"""Volumes are attached to the node of their pod, on one node at a time, and taken away once nobody uses them."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.controllers.kinds import attachdetach, persistentvolume_expander
from kubern.controllers.resources import ATTACHMENTS, CLAIMS, CSI_DRIVERS, NODES, PODS, VOLUMES
from kubern.controllers.volumes.attaching import attachment_name
from tests.unit.controllers.world import World

CONTROLLER, EXPANDER = attachdetach.CONTROLLER.reconciler, persistentvolume_expander.CONTROLLER.reconciler
assert CONTROLLER is not None
assert EXPANDER is not None
UNIQUE = "kubernetes.io/csi/disk.example.com^h1"
MULTI = 'Multi-Attach error for volume "v" Volume is already '


def node(name: str, **status: Any) -> Obj:
    ready = {"type": "Ready", "status": "True"}
    return {"metadata": {"name": name}, "spec": {}, "status": {"conditions": [ready], **status}}


def pod(name: str, on: str) -> Obj:
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "c"}}]
    return {
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"nodeName": on, "volumes": volumes},
        "status": {"phase": "Running"},
    }


def volume(*modes: str, **csi: Any) -> Obj:
    source = {"driver": "disk.example.com", "volumeHandle": "h1", **csi}
    return {
        "metadata": {"name": "v"},
        "spec": {"csi": source, "accessModes": list(modes), "claimRef": {"namespace": "ns", "name": "c"}},
    }


def used(*modes: str) -> World:
    """A pod on n1 that uses a CSI volume, and a second node."""
    world = World()
    for name in ("n1", "n2"):
        world.put(NODES, node(name))
    world.put(VOLUMES, volume(*(modes or ("ReadWriteOnce",))))
    world.put(CLAIMS, {"metadata": {"name": "c", "namespace": "ns"}, "spec": {"volumeName": "v"}})
    world.put(PODS, pod("p", "n1"))
    return world


def attached(world: World, on: str = "n1") -> World:
    """The driver has done what it was asked for, and the kubelet uses it."""
    world.settle(CONTROLLER, ("", on))
    name = attachment_name(volume(), on)
    world.change(ATTACHMENTS, name, lambda obj: obj.update(status={"attached": True}), "")
    world.settle(CONTROLLER, ("", on))
    world.change(NODES, on, lambda obj: obj["status"].update(volumesInUse=[UNIQUE]), "")
    return world


def told(world: World, on: str) -> list[str]:
    listed = world.get(NODES, on, "")["status"].get("volumesAttached") or ()
    return [each["name"] for each in listed]


def test_a_volume_is_attached_to_the_node_of_its_pod_and_the_kubelet_is_told():
    world = used()
    world.settle(CONTROLLER, ("", "n1"))
    (made,) = world.list(ATTACHMENTS)
    assert made["metadata"]["name"] == attachment_name(volume(), "n1")
    assert made["spec"] == {
        "attacher": "disk.example.com", "nodeName": "n1", "source": {"persistentVolumeName": "v"},
    }  # fmt: skip
    assert told(world, "n1") == []
    attached(world)
    assert told(world, "n1") == [UNIQUE]
    assert world.events == [("SuccessfulAttachVolume", 'AttachVolume.Attach succeeded for volume "v" ')]


def test_one_node_at_a_time_unless_the_volume_allows_more():
    world = attached(used())
    world.put(PODS, pod("q", "n2"))
    world.settle(CONTROLLER, ("", "n2"))
    assert len(world.list(ATTACHMENTS)) == 1
    assert world.events[-1] == ("FailedAttachVolume", f"{MULTI}used by pod(s) p")
    many = attached(used("ReadWriteMany"))
    many.put(PODS, pod("q", "n2"))
    many.settle(CONTROLLER, ("", "n2"))
    assert len(many.list(ATTACHMENTS)) == 2


def test_a_volume_kept_by_a_node_without_pods_is_said_to_be_attached_there():
    world = attached(used())
    world.remove(PODS, world.get(PODS, "p"))
    world.put(PODS, pod("q", "n2"))
    world.settle(CONTROLLER, ("", "n2"))
    text = "exclusively attached to one node and can't be attached to another"
    assert world.events[-1] == ("FailedAttachVolume", f"{MULTI}{text}")


def test_a_volume_that_is_held_elsewhere_is_told_of_once_for_as_long_as_it_is_wanted():
    def refused():
        world.settle(CONTROLLER, ("", "n2"))
        return [message for reason, message in world.events if reason == "FailedAttachVolume"]

    world = attached(used())
    first = world.put(PODS, pod("q", "n2"))
    told_once = refused()
    assert len(told_once) == 1
    world.pass_time(60)
    assert refused() == told_once
    world.remove(PODS, world.get(PODS, "p"))
    assert refused() == told_once, "the same volume is still not to be had"
    world.put(PODS, pod("r", "n2"))
    assert refused() == told_once
    world.remove(PODS, first)
    assert refused() == told_once
    world.remove(PODS, world.get(PODS, "r"))
    assert refused() == told_once
    world.put(PODS, pod("q", "n2") | {"metadata": {"name": "q", "namespace": "ns", "uid": "new"}})
    assert len(refused()) == 2, "nobody wanted it meanwhile"


def test_a_volume_that_the_kubelet_uses_stays_until_it_lets_go():
    world = attached(used())
    world.remove(PODS, world.get(PODS, "p"))
    world.settle(CONTROLLER, ("", "n1"))
    assert len(world.list(ATTACHMENTS)) == 1
    world.pass_time(3600)
    world.settle(CONTROLLER, ("", "n1"))
    assert len(world.list(ATTACHMENTS)) == 1, "the node is well: it will let go"
    world.change(NODES, "n1", lambda obj: obj["status"].update(volumesInUse=[]), "")
    world.settle(CONTROLLER, ("", "n1"))
    assert world.list(ATTACHMENTS) == []
    assert told(world, "n1") == []


def test_a_node_that_is_not_ready_loses_its_volumes_after_six_minutes():
    world = attached(used())
    world.remove(PODS, world.get(PODS, "p"))
    world.change(NODES, "n1", lambda obj: obj["status"]["conditions"][0].update(status="Unknown"), "")
    assert world.plan(CONTROLLER, ("", "n1")).requeue_after == 360
    world.pass_time(359)
    world.settle(CONTROLLER, ("", "n1"))
    assert len(world.list(ATTACHMENTS)) == 1
    world.pass_time(1)
    world.settle(CONTROLLER, ("", "n1"))
    assert world.list(ATTACHMENTS) == []


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "out of service"])
def test_a_node_that_is_gone_or_out_of_service_loses_them_at_once(gone):
    world = attached(used())
    world.remove(PODS, world.get(PODS, "p"))
    if gone:
        world.remove(NODES, world.get(NODES, "n1", ""))
    else:
        taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
        world.change(NODES, "n1", lambda obj: obj["spec"].update(taints=[taint]), "")
    world.settle(CONTROLLER, ("", "n1"))
    assert world.list(ATTACHMENTS) == []


def test_a_driver_that_cannot_is_quoted():
    world = used()
    world.settle(CONTROLLER, ("", "n1"))
    failed = {"attached": False, "attachError": {"message": "no such disk"}}
    world.change(ATTACHMENTS, attachment_name(volume(), "n1"), lambda obj: obj.update(status=failed), "")
    world.settle(CONTROLLER, ("", "n1"))
    assert world.events == [("FailedAttachVolume", 'AttachVolume.Attach failed for volume "v" : no such disk')]


def test_what_needs_no_attaching_is_left_alone():
    world = used()
    world.put(CSI_DRIVERS, {"metadata": {"name": "disk.example.com"}, "spec": {"attachRequired": False}})
    world.settle(CONTROLLER, ("", "n1"))
    local = used()
    local.change(VOLUMES, "v", lambda obj: obj["spec"].pop("csi"), "")
    local.settle(CONTROLLER, ("", "n1"))
    ended = used()
    ended.change(PODS, "p", lambda obj: obj["status"].update(phase="Succeeded"))
    ended.settle(CONTROLLER, ("", "n1"))
    assert world.list(ATTACHMENTS) == local.list(ATTACHMENTS) == ended.list(ATTACHMENTS) == []


def test_who_enlarges_a_volume_is_said():
    world = used()

    def sized(size: str) -> Obj:
        return world.change(CLAIMS, "c", lambda obj: obj["spec"].update(resources={"requests": {"storage": size}}))

    before = sized("1Gi")
    world.change(CLAIMS, "c", lambda obj: obj.update(status={"capacity": {"storage": "1Gi"}}))
    world.settle(EXPANDER, ("ns", "c"))
    assert world.events == []
    after = sized("2Gi")
    assert list(EXPANDER.watches[0].keys(before, after, world.cache)) == [("ns", "c")]
    assert list(EXPANDER.watches[0].keys(after, after, world.cache)) == []
    world.settle(EXPANDER, ("ns", "c"))
    said = "waiting for an external controller to expand this PVC"
    assert world.events == [("ExternalExpanding", said)]
