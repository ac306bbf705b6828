"""NodeVolumeLimits: a node attaches at most as many volumes of a CSI driver as its CSINode says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kubern.base.json import Obj
from kubern.scheduler.claims import claim_names, storage_class
from kubern.scheduler.framework import Cycle, Plugin, Refusal
from kubern.scheduler.listers import CLAIMS, CLASSES, CSI_NODES, VOLUMES, Listers

REASON = "node(s) exceed max volume count"

Attached = tuple[str, str]
"""A CSI driver, and which of its volumes."""


def _filter(cycle: Cycle) -> list[Refusal]:
    if not cycle.info.storage:
        return []
    wanted = {*_attached(cycle.pod, cycle.listers)}
    if not wanted:
        return []
    columns = cycle.columns
    mask = np.zeros(len(columns.nodes), np.bool_)
    for name, row in columns.rows.items():
        mask[row] = _full(cycle, name, row, wanted)
    return [Refusal(mask, REASON)] if mask.any() else []


def _refuses(cycle: Cycle, row: int) -> list[str]:
    node = cycle.columns.nodes[row]
    if node is None or not cycle.info.storage:
        return []
    wanted = {*_attached(cycle.pod, cycle.listers)}
    return [REASON] if wanted and _full(cycle, node["metadata"]["name"], row, wanted) else []


def _full(cycle: Cycle, name: str, row: int, wanted: set[Attached]) -> bool:
    """Whether a node has no room for one of the volumes that it does not have yet."""
    limits = _limits(cycle.listers.get(CSI_NODES, "", name))
    concerned = {driver for driver, _ in wanted if driver in limits}
    if not concerned:
        return False
    held = {
        each for info in cycle.columns.on[row].values() if info.storage for each in _attached(info.pod, cycle.listers)
    }
    return any(
        sum(each[0] == driver for each in wanted | held) > limits[driver] and any(e[0] == driver for e in wanted - held)
        for driver in concerned
    )


def _limits(csi_node: Obj | None) -> dict[str, int]:
    drivers = ((csi_node or {}).get("spec") or {}).get("drivers") or ()
    found = ((each["name"], (each.get("allocatable") or {}).get("count")) for each in drivers)
    return {name: count for name, count in found if count is not None}


def _attached(pod: Obj, listers: Listers) -> Iterator[Attached]:
    """Yield the CSI volumes of a pod."""
    if not pod["spec"].get("volumes"):
        return
    meta = pod["metadata"]
    for volume in pod["spec"]["volumes"]:
        if driver := (volume.get("csi") or {}).get("driver"):
            yield driver, f"{meta['uid']}/{volume['name']}"
    for wanted in claim_names(pod):
        claim = listers.get(CLAIMS, meta.get("namespace") or "", wanted.name)
        if claim is None:
            continue
        name = claim["spec"].get("volumeName")
        held = listers.get(VOLUMES, "", name) if name else None
        if csi := ((held or {}).get("spec") or {}).get("csi"):
            yield csi["driver"], csi["volumeHandle"]
        elif not name and (provisioner := (listers.get(CLASSES, "", storage_class(claim)) or {}).get("provisioner")):
            yield provisioner, f"{meta.get('namespace')}/{wanted.name}"


PLUGIN = Plugin(
    "NodeVolumeLimits",
    filter=_filter,
    skips=lambda cycle: not cycle.info.storage,
    refuses=_refuses,
    events=frozenset({"CSINode/Add", "CSINode/Update", "Node/Add", "Pod/Delete", "PersistentVolumeClaim/Add"}),
)
