"""What becomes of one volume: available, bound, released, and then kept or left to its provisioner to delete. Pure.

Source: the documentation "Persistent Volumes" (life cycle, reclaiming).
"""

from __future__ import annotations

from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.actions import Action, Event, Plan, Update
from kubern.controllers.resources import VOLUMES
from kubern.controllers.volumes.binding import phase
from kubern.controllers.volumes.matching import BOUND_BY_CONTROLLER, PROVISIONED_BY, annotations_of


class Volume(NamedTuple):
    """A volume, and the claim that its claimRef names, if there is one."""

    volume: Obj
    claim: Obj | None = None


def decide_volume(seen: Volume) -> Plan:
    """Decide on one volume."""
    volume, claim = seen
    ref = volume["spec"].get("claimRef")
    ending = bool(volume["metadata"].get("deletionTimestamp"))
    if not ref or not ref.get("uid"):
        return Plan() if ending else Plan(tuple(phase(True, volume, "Available")))
    if claim is None or claim["metadata"]["uid"] != ref["uid"]:
        return Plan(tuple(phase(True, volume, "Released") if ending else _released(volume)))
    if ending:
        return Plan()
    name = claim["spec"].get("volumeName")
    if not name:
        return Plan()  # the claim is still to be told: its own key does that
    if name == volume["metadata"]["name"]:
        return Plan(tuple(phase(True, volume, "Bound")))
    if PROVISIONED_BY in annotations_of(volume) and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
        return Plan(tuple(_released(volume)))
    return Plan((_unbind(volume),))


def _released(volume: Obj) -> list[Action]:
    """The claim is gone: reclaim as the policy says."""
    policy = volume["spec"].get("persistentVolumeReclaimPolicy") or "Retain"
    if policy == "Retain" or (policy == "Delete" and PROVISIONED_BY in annotations_of(volume)):
        if (volume.get("status") or {}).get("phase") == "Failed":
            return []
        return phase(True, volume, "Released")
    reason, message = "VolumeFailedRecycle", "No recycler plugin found for the volume!"
    if policy == "Delete":
        reason = "VolumeFailedDelete"
        message = (
            f'error getting deleter volume plugin for volume "{volume["metadata"]["name"]}": no volume plugin matched'
        )
    writes = phase(True, volume, "Failed", message)
    return [*writes, Event(volume, "Warning", reason, message)] if writes else []


def _unbind(volume: Obj) -> Update:
    """Free a volume whose claim took another one; a reservation that a user wrote stays, without the uid."""
    spec, annotations = dict(volume["spec"]), dict(annotations_of(volume))
    if annotations.pop(BOUND_BY_CONTROLLER, None) is not None:
        del spec["claimRef"]
    else:
        spec["claimRef"] = {
            key: value for key, value in spec["claimRef"].items() if key not in ("uid", "resourceVersion")
        }
    return Update(VOLUMES, {**volume, "metadata": {**volume["metadata"], "annotations": annotations}, "spec": spec})
