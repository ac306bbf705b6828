"""Taints and tolerations. Source: the Kubernetes documentation, "Taints and Tolerations"."""

from __future__ import annotations

from collections.abc import Iterable

from kubern.base.json import Obj


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """Whether one toleration covers one taint."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    match toleration.get("operator") or "Equal":
        case "Exists":
            return True
        case "Equal":
            return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")
        case "Gt":
            return _compare(toleration, taint) > 0
        case "Lt":
            return _compare(toleration, taint) < 0
        case _:
            return False


def _compare(toleration: Obj, taint: Obj) -> int:
    """Return the sign of taint value - toleration value, 0 when either is no number (KEP-5471)."""
    try:
        difference = int(taint.get("value") or "") - int(toleration.get("value") or "")
    except ValueError:
        return 0
    return (difference > 0) - (difference < 0)


def first_untolerated(taints: Iterable[Obj], tolerations: Iterable[Obj], effects: tuple[str, ...]) -> Obj | None:
    """Return the first taint with one of `effects` that no toleration covers."""
    tolerations = tuple(tolerations)
    for taint in taints:
        if taint.get("effect") in effects and not any(tolerates(toleration, taint) for toleration in tolerations):
            return taint
    return None
