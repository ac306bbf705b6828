"""Owner references: who controls an object, and how a controller adopts and releases. Pure.

Source: the documentation "Owners and Dependents" and the rules that all upstream workload controllers share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.controllers.actions import STRATEGIC, Action, Patch


def controller_of(obj: Obj) -> Obj | None:
    """Return the owner reference of the object that controls this one, or None."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            found: Obj = owner
            return found
    return None


def controlled_by(obj: Obj, owner: Obj) -> bool:
    """Say whether `owner` controls `obj`."""
    reference = controller_of(obj)
    return reference is not None and reference["uid"] == owner["metadata"]["uid"]


def reference_to(owner: Obj, api_version: str, kind: str) -> Obj:
    """Return the owner reference of a controller for what it makes."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


class Claimed(NamedTuple):
    """What a controller works with after claiming: its objects, and the adoptions and releases that make it so."""

    objects: list[Obj]
    actions: tuple[Action, ...]


def claim(
    gvr: GVR, reference: Obj, owner: Obj, matches: Callable[[Mapping[str, str] | None], bool], candidates: Iterable[Obj]
) -> Claimed:
    """Sort out candidates (owned and orphans of the owner's namespace): keep what matches, adopt orphans that match, release the rest.

    An owner that is being deleted adopts nothing and releases nothing.
    """
    kept: list[Obj] = []
    actions: list[Action] = []
    leaving = bool(owner["metadata"].get("deletionTimestamp"))
    for obj in candidates:
        meta = obj["metadata"]
        fits = matches(meta.get("labels"))
        if controlled_by(obj, owner):
            if fits or leaving:
                kept.append(obj)
            else:
                actions.append(_release(gvr, reference, obj))
        elif controller_of(obj) is None and fits and not leaving and not meta.get("deletionTimestamp"):
            kept.append(obj)
            actions.append(_adopt(gvr, reference, obj))
    return Claimed(kept, tuple(actions))


def _adopt(gvr: GVR, reference: Obj, obj: Obj) -> Patch:
    meta = obj["metadata"]
    patch = {"metadata": {"uid": meta["uid"], "ownerReferences": [reference]}}
    return Patch(gvr, meta.get("namespace", ""), meta["name"], patch, content_type=STRATEGIC)


def _release(gvr: GVR, reference: Obj, obj: Obj) -> Patch:
    meta = obj["metadata"]
    gone = [{"$patch": "delete", "uid": reference["uid"]}]
    patch = {"metadata": {"uid": meta["uid"], "ownerReferences": gone}}
    return Patch(gvr, meta.get("namespace", ""), meta["name"], patch, content_type=STRATEGIC)
