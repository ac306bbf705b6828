"""Volumes that are directories of nodes: made, enlarged, and deleted after their directories."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.controllers.actions import Create, Delete, Event, Update
from kubern.controllers.volumes.local import (
    FINALIZER,
    LocalClaim,
    LocalVolume,
    decide_local_claim,
    decide_local_volume,
)

ASKED = {"volume.kubernetes.io/storage-provisioner": "kubern.io/local"}
CHOSEN = {**ASKED, "volume.kubernetes.io/selected-node": "n1"}
MADE = {"pv.kubernetes.io/provisioned-by": "kubern.io/local", "volume.kubernetes.io/selected-node": "n1"}
NODE = {
    "metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "host-1"}},
    "status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}},
}


def claim(annotations: Obj, size: str = "1Gi", status: Obj | None = None, **spec: Any) -> Obj:
    spec = {"storageClassName": "standard", "accessModes": ["ReadWriteOnce"]} | spec
    return {
        "metadata": {"name": "c", "namespace": "ns", "uid": "u1", "resourceVersion": "7", "annotations": annotations},
        "spec": {"resources": {"requests": {"storage": size}}, **spec},
        "status": status or {"phase": "Pending"},
    }


def held(**more: Any) -> Obj:
    return {"metadata": {"name": "standard"}, "provisioner": "kubern.io/local", **more}


def volume(phase: str = "Bound", policy: str = "Delete", annotations: Obj = MADE, **meta: Any) -> Obj:
    return {
        "metadata": {"name": "pvc-u1", "uid": "v1", "annotations": annotations, "finalizers": [FINALIZER, "x"], **meta},
        "spec": {
            "persistentVolumeReclaimPolicy": policy,
            "capacity": {"storage": "1Gi"},
            "claimRef": {"namespace": "ns", "name": "c", "uid": "u1"},
        },
        "status": {"phase": phase},
    }


def decided(wanting: Obj, node: Obj | None = NODE, found: Obj | None = None, **of_class: Any) -> list[Any]:
    return list(decide_local_claim(LocalClaim(wanting, held(**of_class), node, found, "/volumes")).actions)


def test_a_claim_whose_pod_has_a_node_gets_a_directory_there():
    event, create = decided(claim(CHOSEN))
    assert isinstance(event, Event)
    assert event.reason == "Provisioning"
    assert isinstance(create, Create)
    assert create.exists_ok
    assert create.told is not None
    assert create.told.done == "Successfully provisioned volume pvc-u1"
    made = create.obj
    assert made["metadata"] == {"name": "pvc-u1", "annotations": MADE, "finalizers": [FINALIZER]}
    terms = made["spec"].pop("nodeAffinity")["required"]["nodeSelectorTerms"]
    assert terms == [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["host-1"]}]}]
    assert made["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "claimRef": {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "ns", "name": "c", "uid": "u1",
            "resourceVersion": "7",
        },
        "local": {"path": "/volumes/pvc-u1"},
        "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": "standard",
        "volumeMode": "Filesystem",
    }  # fmt: skip


def test_a_class_that_keeps_makes_volumes_without_a_finalizer():
    made = decided(claim(CHOSEN), reclaimPolicy="Retain")[1].obj
    assert "finalizers" not in made["metadata"]
    assert made["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


REFUSALS = [
    pytest.param(claim(ASKED), "no node was chosen", id="immediate"),
    pytest.param(claim(CHOSEN, selector={"matchLabels": {"a": "b"}}), "selector", id="selector"),
    pytest.param(claim(CHOSEN, volumeMode="Block"), "volumeMode", id="block"),
    pytest.param(claim(CHOSEN, accessModes=["ReadWriteMany"]), "ReadWriteMany", id="many nodes"),
    pytest.param(claim(CHOSEN, dataSource={"kind": "VolumeSnapshot", "name": "s"}), "dataSource", id="snapshot"),
]


@pytest.mark.parametrize(("wanting", "said"), REFUSALS)
def test_what_a_directory_cannot_be_is_said(wanting, said):
    (event,) = decided(wanting)
    assert (event.type, event.reason) == ("Warning", "ProvisioningFailed")
    assert event.message.startswith('failed to provision volume with StorageClass "standard": ')
    assert said in event.message


def test_a_claim_whose_node_is_gone_is_scheduled_anew():
    event, update = decided(claim(CHOSEN), None)
    assert 'node "n1" not found' in event.message
    assert isinstance(update, Update)
    assert update.obj["metadata"]["annotations"] == ASKED


LEFT_ALONE = [
    pytest.param(claim({}), None, {}, id="nobody asked"),
    pytest.param(claim({"volume.kubernetes.io/storage-provisioner": "other"}), None, {}, id="another provisioner"),
    pytest.param(claim(CHOSEN), None, {"provisioner": "other"}, id="a class of another"),
    pytest.param(claim(CHOSEN), volume(), {}, id="made already"),
    pytest.param(claim(CHOSEN, volumeName="pvc-u1"), volume(), {}, id="bound"),
]


@pytest.mark.parametrize(("wanting", "found", "of_class"), LEFT_ALONE)
def test_everything_else_is_left_alone(wanting, found, of_class):
    assert decided(wanting, NODE, found, **of_class) == []


BOUND = {"phase": "Bound", "capacity": {"storage": "1Gi"}, "conditions": [{"type": "Resizing"}]}


def test_a_larger_claim_enlarges_volume_and_claim():
    wanting = claim(CHOSEN, "2Gi", BOUND, volumeName="pvc-u1")
    grown, told, event = decided(wanting, NODE, volume(), allowVolumeExpansion=True)
    assert grown.obj["spec"]["capacity"] == {"storage": "2Gi"}
    assert told.subresource == "status"
    assert told.obj["status"] == {"phase": "Bound", "capacity": {"storage": "2Gi"}}
    assert event.reason == "VolumeResizeSuccessful"


@pytest.mark.parametrize(
    ("size", "allowed", "annotations"),
    [("2Gi", False, MADE), ("1Gi", True, MADE), ("2Gi", True, {"pv.kubernetes.io/provisioned-by": "other"})],
    ids=["not allowed", "the same size", "another's volume"],
)
def test_nothing_is_enlarged_else(size, allowed, annotations):
    wanting = claim(CHOSEN, size, BOUND, volumeName="pvc-u1")
    assert decided(wanting, NODE, volume(annotations=annotations), allowVolumeExpansion=allowed) == []


def reclaimed(found: Obj, node: Obj | None = NODE) -> list[Any]:
    return list(decide_local_volume(LocalVolume(found, node)).actions)


def test_a_released_volume_is_marked_then_its_directory_goes_then_itself():
    (delete,) = reclaimed(volume("Released"))
    assert delete == Delete(delete.gvr, "", "pvc-u1", "v1")
    ask, update = reclaimed(volume("Released", deletionTimestamp="2026-01-01T00:00:00Z"))
    assert (ask.name, ask.subresource, ask.missing_ok) == ("n1", "proxy/removeLocalVolume/pvc-u1", True)
    assert update.obj["metadata"]["finalizers"] == ["x"]


@pytest.mark.parametrize("node", [None, {"metadata": {"name": "n1"}}], ids=["gone", "without kubelet"])
def test_a_node_that_has_no_directory_is_not_asked(node):
    (update,) = reclaimed(volume("Released", deletionTimestamp="2026-01-01T00:00:00Z"), node)
    assert update.obj["metadata"]["finalizers"] == ["x"]


def test_a_volume_to_keep_is_deleted_without_its_directory():
    assert reclaimed(volume("Released", "Retain")) == []
    (update,) = reclaimed(volume("Released", "Retain", deletionTimestamp="2026-01-01T00:00:00Z"))
    assert isinstance(update, Update)


@pytest.mark.parametrize(
    "found",
    [
        volume("Bound"),
        volume("Bound", deletionTimestamp="2026-01-01T00:00:00Z"),
        volume("Released", annotations={"pv.kubernetes.io/provisioned-by": "other"}),
        volume("Released", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["x"]),
    ],
    ids=["bound", "bound and ending", "another's", "done"],
)
def test_no_directory_in_use_or_of_another_is_touched(found):
    assert reclaimed(found) == []
