"""VolumeZone: a volume that says which zone or region it is in is only used there."""

from __future__ import annotations

from kubern.base.json import Obj
from kubern.scheduler.claims import PodClaims, bound_volumes
from kubern.scheduler.framework import Cycle, Plugin, Refusal, never
from kubern.scheduler.plugins import volume_binding

KEYS = (
    "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
)  # fmt: skip


def _filter(cycle: Cycle) -> list[Refusal]:
    found: PodClaims | None = cycle.state.get(volume_binding.NAME)
    if found is None or not found.bound:
        return []
    columns = cycle.columns
    wanted = [
        (key, frozenset(value.split("__")))
        for volume in bound_volumes(found.bound, cycle.listers)
        for key, value in ((volume or {}).get("metadata") or {}).get("labels", {}).items()
        if key in KEYS
    ]
    if not wanted:
        return []
    near = columns.memo(("VolumeZone", tuple(wanted)), lambda: columns.mask(lambda node: _near(wanted, node)))
    return [Refusal(columns.present & ~near, "node(s) had no available volume zone", lasting=True)]


def _near(wanted: list[tuple[str, frozenset[str]]], node: Obj) -> bool:
    labels = node["metadata"].get("labels") or {}
    # a node that says nothing about where it is takes part everywhere
    if not any(key in labels for key in KEYS):
        return True
    return all(_value(labels, key) in values for key, values in wanted)


def _value(labels: dict[str, str], key: str) -> str | None:
    """Return a node's value of a key; the old and the new name of it are the same."""
    if key in labels:
        return labels[key]
    kind = key.rpartition("/")[2]
    other = (
        f"topology.kubernetes.io/{kind}"
        if key.startswith("failure-domain")
        else f"failure-domain.beta.kubernetes.io/{kind}"
    )
    return labels.get(other)


PLUGIN = Plugin(
    "VolumeZone",
    filter=_filter,
    refuses=never,
    events=frozenset(
        {"Node/Add", "Node/Label", "PersistentVolumeClaim/Add", "PersistentVolumeClaim/Update", "PersistentVolume/Add"}
        | {"PersistentVolume/Update", "StorageClass/Add"}
    ),
)
