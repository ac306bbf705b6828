"""Whether a request tolerates a device's taints. Pure; asked when devices are chosen, and when those in use are tainted.

Source: the Kubernetes documentation, "Device taints and tolerations".
"""

from __future__ import annotations

from collections.abc import Iterable

from kubern.base.json import Obj

EFFECTS = ("NoSchedule", "NoExecute")
"""The effects that keep a device from being allocated; any other is for people to read."""


def repelled(taints: Iterable[Obj], tolerations: Iterable[Obj]) -> bool:
    """Say whether one of the taints keeps the device away from a request with these tolerations."""
    held = tuple(tolerations)
    return any(taint.get("effect") in EFFECTS and not any(tolerates(each, taint) for each in held) for taint in taints)


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """Say whether a toleration is for a taint. Without a key it is for any, without an effect for every effect."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    return operator == "Equal" and (toleration.get("value") or "") == (taint.get("value") or "")
