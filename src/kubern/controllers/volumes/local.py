"""Volumes that are directories of the nodes: made for a claim once its pod has a node, taken away when the claim is gone. Pure.

Asked by the controller local-volume-provisioner, which does for its own classes what an external provisioner does for others (the
annotations and Events are theirs, see the documentation "Dynamic Volume Provisioning"). The directory itself is the kubelet's: it
makes the directory when the first pod mounts the volume, and deletes it when it is asked to, over the API of the node. What always
holds: a volume is deleted after its directory, so none is forgotten; sizes are not enforced.
"""

from __future__ import annotations

from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.actions import Action, Create, Delete, Event, Plan, Told, Update
from kubern.controllers.resources import CLAIMS, NODES, VOLUMES
from kubern.controllers.volumes.matching import (
    PROVISIONED_BY,
    PROVISIONERS,
    SELECTED_NODE,
    annotations_of,
    class_of,
    requested,
    size_of,
)

PROVISIONER = "kubern.io/local"
FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"
REMOVAL = "proxy/removeLocalVolume"
"""What the kubelet is asked, followed by the volume's name."""
HOSTNAME = "kubernetes.io/hostname"
_ONE_NODE = frozenset(("ReadWriteOnce", "ReadWriteOncePod"))


class LocalClaim(NamedTuple):
    """A claim, its class, the node that the scheduler chose and the volume made for it, as far as there are such. `root` is the
    directory of all local volumes on every node."""

    claim: Obj
    held: Obj | None
    node: Obj | None
    volume: Obj | None
    root: str


class LocalVolume(NamedTuple):
    """A volume, and its node if there is one."""

    volume: Obj
    node: Obj | None


def decide_local_claim(seen: LocalClaim) -> Plan:
    """Make the volume of a claim that waits for one, or enlarge the one it has."""
    claim, held = seen.claim, seen.held
    if held is None or held["provisioner"] != PROVISIONER or claim["metadata"].get("deletionTimestamp"):
        return Plan()
    if claim["spec"].get("volumeName"):
        return Plan(tuple(_enlarged(claim, held, seen.volume)))
    if seen.volume is not None or not any(annotations_of(claim).get(key) == PROVISIONER for key in PROVISIONERS):
        return Plan()
    problem = _problem(claim)
    if problem:
        return Plan((_failed(claim, held, problem),))
    chosen = annotations_of(claim).get(SELECTED_NODE)
    if not chosen:
        return Plan(
            (_failed(claim, held, "no node was chosen: the class must have the binding mode WaitForFirstConsumer"),)
        )
    if seen.node is None:
        return Plan(
            (_failed(claim, held, f'node "{chosen}" not found'), Update(CLAIMS, _without(claim, SELECTED_NODE)))
        )
    return Plan(tuple(_provision(seen, seen.node, held)))


def volume_name(claim: Obj) -> str:
    """Return the name of the volume that is made for a claim."""
    return f"pvc-{claim['metadata']['uid']}"


def _problem(claim: Obj) -> str:
    spec = claim["spec"]
    if spec.get("selector"):
        return "claim.spec.selector is not supported: the volume is made for this claim"
    if spec.get("volumeMode") == "Block":
        return 'volumeMode "Block" is not supported, use "Filesystem"'
    if spec.get("dataSource") or spec.get("dataSourceRef"):
        return "a dataSource is not supported"
    others = sorted(set(spec.get("accessModes") or ()) - _ONE_NODE)
    if others:
        return f"access mode {others[0]} is not supported: a directory of one node offers ReadWriteOnce and ReadWriteOncePod"
    return ""


def _failed(claim: Obj, held: Obj, problem: str) -> Event:
    message = f'failed to provision volume with StorageClass "{held["metadata"]["name"]}": {problem}'
    return Event(claim, "Warning", "ProvisioningFailed", message)


def _without(claim: Obj, annotation: str) -> Obj:
    kept = {key: value for key, value in annotations_of(claim).items() if key != annotation}
    return {**claim, "metadata": {**claim["metadata"], "annotations": kept}}


def _provision(seen: LocalClaim, node: Obj, held: Obj) -> list[Action]:
    claim, meta = seen.claim, seen.claim["metadata"]
    name = volume_name(claim)
    said = f'External provisioner is provisioning volume for claim "{meta["namespace"]}/{meta["name"]}"'
    told = Told(
        claim,
        "ProvisioningSucceeded",
        f"Successfully provisioned volume {name}",
        "ProvisioningFailed",
        f'failed to provision volume with StorageClass "{held["metadata"]["name"]}": {{error}}',
    )
    create = Create(VOLUMES, _volume(seen, node, held), told=told, exists_ok=True)
    return [Event(claim, "Normal", "Provisioning", said), create]


def _volume(seen: LocalClaim, node: Obj, held: Obj) -> Obj:
    claim, meta = seen.claim, seen.claim["metadata"]
    policy = held.get("reclaimPolicy") or "Delete"
    host = (node["metadata"].get("labels") or {}).get(HOSTNAME) or node["metadata"]["name"]
    here = {"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": [host]}]}
    reference = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": meta["namespace"], "name": meta["name"],
        "uid": meta["uid"], "resourceVersion": meta.get("resourceVersion", ""),
    }  # fmt: skip
    name = volume_name(claim)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {PROVISIONED_BY: PROVISIONER, SELECTED_NODE: node["metadata"]["name"]},
            **({"finalizers": [FINALIZER]} if policy == "Delete" else {}),
        },
        "spec": {
            "accessModes": claim["spec"].get("accessModes") or ["ReadWriteOnce"],
            "capacity": {"storage": str(claim["spec"]["resources"]["requests"]["storage"])},
            "claimRef": reference,
            "local": {"path": f"{seen.root}/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [here]}},
            "persistentVolumeReclaimPolicy": policy,
            "storageClassName": class_of(claim),
            "volumeMode": "Filesystem",
        },
    }


def _enlarged(claim: Obj, held: Obj, volume: Obj | None) -> list[Action]:
    """Let volume and claim say the larger size that the claim asks for by now: a directory has room as its disk has."""
    if (
        volume is None
        or annotations_of(volume).get(PROVISIONED_BY) != PROVISIONER
        or not held.get("allowVolumeExpansion")
    ):
        return []
    wanted, status = requested(claim), claim.get("status") or {}
    if status.get("phase") != "Bound" or wanted <= size_of({"spec": status}):
        return []
    capacity = {"storage": str(claim["spec"]["resources"]["requests"]["storage"])}
    actions: list[Action] = []
    if size_of(volume) < wanted:
        actions.append(Update(VOLUMES, {**volume, "spec": {**volume["spec"], "capacity": capacity}}))
    done = {key: value for key, value in status.items() if key != "conditions"} | {"capacity": capacity}
    actions.append(Update(CLAIMS, {**claim, "status": done}, "status"))
    return [*actions, Event(claim, "Normal", "VolumeResizeSuccessful", "Resize volume succeeded")]


def decide_local_volume(seen: LocalVolume) -> Plan:
    """Delete a volume that nobody claims any more: first marked, then its directory, then itself."""
    volume, node = seen
    meta = volume["metadata"]
    if annotations_of(volume).get(PROVISIONED_BY) != PROVISIONER:
        return Plan()
    ending = meta.get("deletionTimestamp")
    deletes = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
    released = (volume.get("status") or {}).get("phase") == "Released"
    if not ending:
        return Plan((Delete(VOLUMES, "", meta["name"], meta["uid"]),) if deletes and released else ())
    if FINALIZER not in (meta.get("finalizers") or ()) or not (released or not volume["spec"].get("claimRef")):
        return Plan()
    freed = {**volume, "metadata": {**meta, "finalizers": [each for each in meta["finalizers"] if each != FINALIZER]}}
    return Plan((*(_removal(volume, node) if deletes else ()), Update(VOLUMES, freed)))


def _removal(volume: Obj, node: Obj | None) -> list[Action]:
    """Ask the node to delete the directory; a node that is gone has taken it along, one without kubelet has none."""
    if node is None or not _port(node):
        return []
    path = f"{REMOVAL}/{volume['metadata']['name']}"
    told = Told(volume, "", "", "VolumeFailedDelete", "{error}")
    return [Create(NODES, {}, name=node["metadata"]["name"], subresource=path, told=told, missing_ok=True)]


def _port(node: Obj) -> int:
    endpoints = (node.get("status") or {}).get("daemonEndpoints") or {}
    return int((endpoints.get("kubeletEndpoint") or {}).get("Port") or 0)
