"""VolumeRestrictions: a claim with ReadWriteOncePod is one pod's at a time in the whole cluster; some disks are one pod's on each node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from kubern.base.json import Obj
from kubern.scheduler.claims import claim_names
from kubern.scheduler.framework import Cycle, Event, Plugin, Refusal
from kubern.scheduler.listers import CLAIMS
from kubern.scheduler.podinfo import PodInfo

IN_USE = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
DISK = "node(s) had no available disk"


def _filter(cycle: Cycle) -> list[Refusal]:
    if not cycle.info.storage:
        return []
    columns, refusals = cycle.columns, []
    disks = [*_disks(cycle.pod)]
    if disks:
        busy = np.fromiter((bool(on) and _clash(disks, on.values()) for on in columns.on), np.bool_, len(columns.on))
        if busy.any():
            refusals.append(Refusal(busy, DISK))
    if any(_exclusive(cycle, name) and columns.users(cycle.info.namespace, name) for name in cycle.info.claims):
        refusals.append(Refusal(columns.present.copy(), IN_USE))
    return refusals


def _exclusive(cycle: Cycle, name: str) -> bool:
    claim = cycle.listers.get(CLAIMS, cycle.info.namespace, name)
    return claim is not None and "ReadWriteOncePod" in (claim["spec"].get("accessModes") or ())


def _disks(pod: Obj) -> Iterator[tuple[str, str, bool]]:
    """Yield a pod's disks that two pods of a node cannot share: kind, identity, and whether it is only read."""
    for volume in pod["spec"].get("volumes") or ():
        if disk := volume.get("gcePersistentDisk"):
            yield "gce", disk["pdName"], bool(disk.get("readOnly"))
        elif disk := volume.get("awsElasticBlockStore"):
            yield "ebs", disk["volumeID"], False
        elif disk := volume.get("iscsi"):
            yield "iscsi", disk["iqn"], bool(disk.get("readOnly"))
        elif disk := volume.get("rbd"):
            yield (
                "rbd",
                f"{disk.get('pool', 'rbd')}/{disk['image']}/{sorted(disk['monitors'])}",
                bool(disk.get("readOnly")),
            )


def _clash(wanted: list[tuple[str, str, bool]], pods: Iterable[PodInfo]) -> bool:
    held = [disk for info in pods for disk in _disks(info.pod)]
    return any(one[:2] == other[:2] and not (one[2] and other[2]) for one in wanted for other in held)


def _hint(info: PodInfo, event: Event) -> bool:
    """A pod that went helps when it used one of the claims or disks."""
    if event.name != "Pod/Delete" or event.before is None:
        return True
    if {*_names(event.before)} & {*_names(info.pod)}:
        return True
    return any(one[:2] == other[:2] for one in _disks(info.pod) for other in _disks(event.before))


def _names(pod: Obj) -> Iterator[str]:
    return (each.name for each in claim_names(pod))


PLUGIN = Plugin(
    "VolumeRestrictions",
    filter=_filter,
    skips=lambda cycle: not cycle.info.storage,
    events=frozenset({"Pod/Delete", "Node/Add", "PersistentVolumeClaim/Add", "PersistentVolumeClaim/Update"}),
    hint=_hint,
)
