"""Which volumes are to be attached to one node, and which to be taken from it. Pure; asked by the attach/detach controller.

A VolumeAttachment asks the CSI driver's own controller to do it, which says in the status when it is done. What always holds: a volume
that one node may have at a time is asked for on one node; one that a kubelet still uses is not taken away while there is hope that it
lets go. Source: the CSI documentation "CSIDriver Object" and the documentation "Non-graceful node shutdown".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.actions import Action, Create, Delete, Event, Patch, Plan
from kubern.controllers.pods import is_ready
from kubern.controllers.resources import ATTACHMENTS, NODES
from kubern.controllers.taints import OUT_OF_SERVICE, taints_of

UNMOUNT_LIMIT = 360.0
"""Seconds that a volume which nobody wants any more is left to a node that is not ready, before it is taken away by force."""
_ONE_NODE = frozenset(("ReadWriteOnce", "ReadWriteOncePod"))


class Wanted(NamedTuple):
    """A CSI volume, the pods of the node that use it, and those of other nodes."""

    volume: Obj
    pods: Sequence[Obj]
    others: Sequence[Obj] = ()


class Seen(NamedTuple):
    """A node (None: it is gone), what is wanted there by the volume's name, and the attachments of all these volumes."""

    name: str
    node: Obj | None
    wanted: Mapping[str, Wanted]
    here: Mapping[str, Obj]
    """The attachments to this node, by the volume's name."""
    elsewhere: Mapping[str, Sequence[Obj]]
    """The attachments of wanted volumes to other nodes."""
    unique: Mapping[str, str]
    """The name that kubelets know a volume by, by the volume's own."""
    idle: Mapping[str, datetime] = {}
    """Since when an attached volume is not wanted."""
    refused: frozenset[str] = frozenset()
    """The volumes whose pods were told that another node has them."""


def unique_name(volume: Obj) -> str:
    """Return the name of a CSI volume in the status of nodes."""
    csi = volume["spec"]["csi"]
    return f"kubernetes.io/csi/{csi['driver']}^{csi['volumeHandle']}"


def attachment_name(volume: Obj, node: str) -> str:
    """Return the name of the attachment of a volume to a node, which drivers rely on."""
    csi = volume["spec"]["csi"]
    return "csi-" + hashlib.sha256(f"{csi['volumeHandle']}{csi['driver']}{node}".encode()).hexdigest()


def decide_node(seen: Seen, now: datetime) -> Plan:
    """Attach what is wanted, take away what is not, and tell the kubelet what is attached."""
    told: list[Action] = []
    for name, wanted in seen.wanted.items():
        told += _attach(seen, name, wanted)
    leaving, wait = _leaving(seen, now)
    attached = [name for name, each in seen.here.items() if _is_attached(each) and name not in leaving]
    # the kubelet is told first: it must not begin to use what is about to go
    status = _status(seen, attached)
    gone = [
        Delete(ATTACHMENTS, "", each["metadata"]["name"], each["metadata"]["uid"])
        for name, each in seen.here.items()
        if name in leaving and not each["metadata"].get("deletionTimestamp")
    ]
    return Plan((*told, *status, *gone), requeue_after=wait)


def _attach(seen: Seen, name: str, wanted: Wanted) -> Iterator[Action]:
    held = seen.here.get(name)
    if held is None:
        if is_held_elsewhere(seen, name):
            if name in seen.refused:
                return
            others = seen.elsewhere[name]
            text = f'Multi-Attach error for volume "{name}" {_holder(wanted, others)}'
            yield from _tell(wanted, "Warning", "FailedAttachVolume", text)
        elif seen.node is not None:
            yield Create(ATTACHMENTS, _attachment(wanted.volume, seen.name), exists_ok=True)
    elif (held.get("status") or {}).get("attachError") and not _is_attached(held):
        text = held["status"]["attachError"].get("message", "")
        failed = f'AttachVolume.Attach failed for volume "{name}" : {text}'
        yield from _tell(wanted, "Warning", "FailedAttachVolume", failed)
    elif _is_attached(held) and seen.unique[name] not in _told_attached(seen.node):
        done = f'AttachVolume.Attach succeeded for volume "{name}" '
        yield from _tell(wanted, "Normal", "SuccessfulAttachVolume", done)


def is_held_elsewhere(seen: Seen, name: str) -> bool:
    """Whether another node has a wanted volume that one node may have at a time, and this one does not."""
    modes = set(seen.wanted[name].volume["spec"].get("accessModes") or ())
    return name not in seen.here and bool(seen.elsewhere.get(name)) and modes <= _ONE_NODE


def _holder(wanted: Wanted, attachments: Sequence[Obj]) -> str:
    """Return who keeps a volume elsewhere: pods, or a node that has not let go yet. Users of one claim are of one namespace."""
    nodes = {each["spec"]["nodeName"] for each in attachments}
    pods = sorted(pod["metadata"]["name"] for pod in wanted.others if pod["spec"]["nodeName"] in nodes)
    if pods:
        return f"Volume is already used by pod(s) {', '.join(pods)}"
    return "Volume is already exclusively attached to one node and can't be attached to another"


def _tell(wanted: Wanted, kind: str, reason: str, message: str) -> Iterator[Event]:
    return (Event(pod, kind, reason, message) for pod in wanted.pods)


def _attachment(volume: Obj, node: str) -> Obj:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "VolumeAttachment",
        "metadata": {"name": attachment_name(volume, node)},
        "spec": {
            "attacher": volume["spec"]["csi"]["driver"],
            "nodeName": node,
            "source": {"persistentVolumeName": volume["metadata"]["name"]},
        },
    }


def _leaving(seen: Seen, now: datetime) -> tuple[set[str], float | None]:
    """Return the volumes to take away, and after how many seconds to look at the others again."""
    in_use = set(((seen.node or {}).get("status") or {}).get("volumesInUse") or ())
    leaving, wait = set(), None
    for name in seen.here.keys() - seen.wanted.keys():
        left = UNMOUNT_LIMIT - (now - seen.idle.get(name, now)).total_seconds()
        if seen.unique.get(name) not in in_use or _given_up(seen.node, left):
            leaving.add(name)
        else:
            wait = max(left, 1.0) if wait is None else min(wait, max(left, 1.0))
    return leaving, wait


def _given_up(node: Obj | None, left: float) -> bool:
    if node is None or any(taint["key"] == OUT_OF_SERVICE for taint in taints_of(node)):
        return True
    return left <= 0 and not is_ready(node)


def _is_attached(attachment: Obj) -> bool:
    return bool((attachment.get("status") or {}).get("attached"))


def _told_attached(node: Obj | None) -> set[str]:
    return {each["name"] for each in ((node or {}).get("status") or {}).get("volumesAttached") or ()}


def _status(seen: Seen, attached: Sequence[str]) -> list[Action]:
    names = {seen.unique[name] for name in attached if name in seen.unique}
    if seen.node is None or names == _told_attached(seen.node):
        return []
    listed = [{"name": name, "devicePath": ""} for name in sorted(names)]
    return [Patch(NODES, "", seen.name, {"status": {"volumesAttached": listed or None}}, "status")]
