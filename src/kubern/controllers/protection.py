"""What the protection controllers have in common: a finalizer that comes and goes. Pure."""

from __future__ import annotations

from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.controllers.actions import Plan, Update


def undecided(obj: Obj, finalizer: str) -> bool:
    """Whether an object lacks its finalizer while it lives, or has it while it is to be deleted."""
    meta = obj["metadata"]
    return (finalizer in (meta.get("finalizers") or ())) == bool(meta.get("deletionTimestamp"))


def protect(gvr: GVR, obj: Obj, finalizer: str, used: bool) -> Plan:
    """Give a living object its finalizer; take it from one that is to be deleted and not used."""
    meta = obj["metadata"]
    held = list(meta.get("finalizers") or ())
    if not meta.get("deletionTimestamp"):
        wanted = held if finalizer in held else [*held, finalizer]
    else:
        wanted = held if used else [each for each in held if each != finalizer]
    return Plan((Update(gvr, {**obj, "metadata": {**meta, "finalizers": wanted}}),)) if wanted != held else Plan()
