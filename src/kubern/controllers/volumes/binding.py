"""The writes that bind a claim and a volume to each other, in an order that can be taken up again after each of them. Pure.

The volume's claimRef is written first, against the version that was seen: two claims cannot win one volume.
"""

from __future__ import annotations

from kubern.base.json import Obj
from kubern.controllers.actions import Action, Update
from kubern.controllers.resources import CLAIMS, VOLUMES
from kubern.controllers.volumes.matching import BIND_COMPLETED, BOUND_BY_CONTROLLER, annotations_of, names


def bind(claim: Obj, volume: Obj) -> list[Action]:
    """Return what is still to be written until both are bound to each other."""
    return [*_volume(claim, volume), *_claim(claim, volume)]


def phase(gvr_is_volume: bool, obj: Obj, wanted: str, message: str = "") -> list[Action]:
    """Return the write of a phase, none when it is there already."""
    status = obj.get("status") or {}
    if status.get("phase") == wanted and (not gvr_is_volume or (status.get("message") or "") == message):
        return []
    new = {key: value for key, value in status.items() if key != "message"} | {"phase": wanted}
    if message:
        new["message"] = message
    return [Update(VOLUMES if gvr_is_volume else CLAIMS, {**obj, "status": new}, "status")]


def _volume(claim: Obj, volume: Obj) -> list[Action]:
    meta, ref = claim["metadata"], volume["spec"].get("claimRef") or {}
    actions: list[Action] = []
    if not names(volume, claim) or ref.get("uid") != meta["uid"]:
        reference = {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": meta["namespace"], "name": meta["name"],
            "uid": meta["uid"], "resourceVersion": meta.get("resourceVersion", ""),
        }  # fmt: skip
        ours = names(volume, claim)
        volume = {**volume, "spec": {**volume["spec"], "claimRef": reference}}
        volume = volume if ours else _annotated(volume, BOUND_BY_CONTROLLER)
        actions.append(Update(VOLUMES, volume))
    return [*actions, *phase(True, volume, "Bound")]


def _claim(claim: Obj, volume: Obj) -> list[Action]:
    name, changed = volume["metadata"]["name"], claim
    if claim["spec"].get("volumeName") != name:
        changed = _annotated({**claim, "spec": {**claim["spec"], "volumeName": name}}, BOUND_BY_CONTROLLER)
    if BIND_COMPLETED not in annotations_of(claim):
        changed = _annotated(changed, BIND_COMPLETED)
    actions: list[Action] = [Update(CLAIMS, changed)] if changed is not claim else []
    status = claim.get("status") or {}
    if status.get("phase") != "Bound":
        new = status | {
            "phase": "Bound",
            "accessModes": volume["spec"].get("accessModes") or [],
            "capacity": volume["spec"].get("capacity") or {},
        }
        actions.append(Update(CLAIMS, {**changed, "status": new}, "status"))
    return actions


def _annotated(obj: Obj, key: str) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "annotations": {**annotations_of(obj), key: "yes"}}}
