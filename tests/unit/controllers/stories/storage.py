"""Volumes are found, made, attached, enlarged and given back."""

from __future__ import annotations

from kubern.api.protection import ATTRIBUTES_CLASS, CLAIM, VOLUME
from kubern.base.json import Obj
from kubern.controllers.kinds import (
    attachdetach,
    ephemeral_volume,
    local_provisioner,
    persistentvolume_binder,
    persistentvolume_expander,
    pv_protection,
    pvc_protection,
    vac_protection,
)
from kubern.controllers.resources import ATTACHMENTS, ATTRIBUTES_CLASSES, CLAIMS, NODES, PODS, STORAGE_CLASSES, VOLUMES
from tests.unit.controllers.killed import Story
from tests.unit.controllers.late import Server
from tests.unit.controllers.stories.acts import drop, end, make, node, spec
from tests.unit.controllers.world import pod

META = {"name": "db", "namespace": "ns"}
SIZE = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
WITH_CLAIM = pod("p", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "db"}}])
LOCAL = {
    "metadata": {"name": "local", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubern.io/local",
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "WaitForFirstConsumer",
    "allowVolumeExpansion": True,
}


def claim(**more: object) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**META, "finalizers": [CLAIM]},
        "spec": {"storageClassName": "", **SIZE, **more},
        "status": {"phase": "Pending"},
    }


def volume(name: str, size: str = "1Gi", **more: object) -> Obj:
    full = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, **more}
    meta = {"name": name, "finalizers": [VOLUME]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": meta,
        "spec": full,
        "status": {"phase": "Pending"},
    }


def _choose_node(server: Server) -> None:
    """The scheduler chooses the node of a claim's first pod."""
    for found in server.list(CLAIMS):
        notes = {**(found["metadata"].get("annotations") or {}), "volume.kubernetes.io/selected-node": "n1"}
        server.change(CLAIMS, found, metadata={**found["metadata"], "annotations": notes})


def _drop_claim(server: Server) -> None:
    (found,) = server.list(CLAIMS)
    server.delete(CLAIMS, (found["metadata"]["namespace"], found["metadata"]["name"]))


def _attached(server: Server) -> None:
    """The driver does what it is asked for, and the kubelet uses it."""
    for each in server.list(ATTACHMENTS):
        server.change(ATTACHMENTS, each, status={"attached": True})


def _detached(server: Server) -> None:
    """The driver has detached what was to be deleted."""
    for each in server.list(ATTACHMENTS):
        if each["metadata"].get("deletionTimestamp"):
            server.change(ATTACHMENTS, each, metadata={**each["metadata"], "finalizers": []})


STORIES = {
    "a claim finds its volume, and gives it back": Story(
        (persistentvolume_binder.CONTROLLER, pv_protection.CONTROLLER, pvc_protection.CONTROLLER),
        (
            make(VOLUMES, volume("big", "5Gi"), volume("small", persistentVolumeReclaimPolicy="Retain")),
            make(CLAIMS, claim()),
            make(PODS, WITH_CLAIM),
            drop(CLAIMS),
            end("Succeeded"),
            drop(PODS, "p"),
            drop(VOLUMES, "small", ""),
        ),
    ),
    "a pod's own volume is made, enlarged and deleted on its node": Story(
        (
            ephemeral_volume.CONTROLLER,
            persistentvolume_binder.CONTROLLER,
            local_provisioner.CONTROLLER,
            persistentvolume_expander.CONTROLLER,
        ),
        (
            make(NODES, node("n1")),
            make(STORAGE_CLASSES, LOCAL),
            make(
                PODS,
                pod(
                    "p",
                    volumes=[
                        {
                            "name": "v",
                            "ephemeral": {"volumeClaimTemplate": {"spec": {**SIZE, "storageClassName": "local"}}},
                        }
                    ],
                ),
            ),
            _choose_node,
            spec(CLAIMS, "p-v", resources={"requests": {"storage": "2Gi"}}),
            drop(PODS, "p"),
            _drop_claim,
        ),
    ),
    "a driver's volume is attached and detached": Story(
        (attachdetach.CONTROLLER,),
        (
            make(NODES, node("n1"), node("n2")),
            make(VOLUMES, volume("disk", csi={"driver": "d", "volumeHandle": "h"}, claimRef=META)),
            make(CLAIMS, claim(volumeName="disk")),
            make(PODS, WITH_CLAIM),
            _attached,
            end("Succeeded"),
            drop(PODS, "p"),
            _detached,
        ),
    ),
    "a class of volume attributes goes when nothing has it": Story(
        (vac_protection.CONTROLLER,),
        (
            make(
                ATTRIBUTES_CLASSES, {"metadata": {"name": "gold", "finalizers": [ATTRIBUTES_CLASS]}, "driverName": "d"}
            ),
            make(CLAIMS, claim(volumeAttributesClassName="gold")),
            drop(ATTRIBUTES_CLASSES, "gold", ""),
            spec(CLAIMS, volumeAttributesClassName="silver"),
        ),
    ),
}
