"""Which names a CustomResourceDefinition gets, and what its status says about that. Pure.

Called by the registry with the names that others in the group hold. What always holds: a name once accepted stays accepted until
it is given up; conditions keep their time while their status stays. Source: upstream's naming and establishing controllers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from kubern.api.field import quote
from kubern.api.resources.apiextensions.customresourcedefinitions import APPROVED, protected
from kubern.api.rules.conditions import condition, find, with_condition
from kubern.api.rules.values import part
from kubern.base.json import Obj


class Taken(NamedTuple):
    """The names that others in the same group hold."""

    resources: frozenset[str]
    kinds: frozenset[str]


def taken(accepted: Iterable[Obj]) -> Taken:
    """Return what the holders of these `acceptedNames` hold."""
    resources: set[str] = set()
    kinds: set[str] = set()
    for names in accepted:
        resources |= {names.get("plural") or "", names.get("singular") or "", *(names.get("shortNames") or ())}
        kinds |= {names.get("kind") or "", names.get("listKind") or ""}
    return Taken(frozenset(resources - {""}), frozenset(kinds - {""}))


def accept(crd: Obj, others: Taken, now: datetime) -> Obj:
    """Return the status of a definition with its names settled, Established left to `establish`."""
    wanted, held = crd["spec"]["names"], part(crd, "status.acceptedNames")
    names, refusal = _settle(wanted, held, others)
    status = dict(crd.get("status") or {}) | {"acceptedNames": names}
    accepted = condition("NamesAccepted", not refusal, *(refusal or ("NoConflicts", "no conflicts found")), now)
    established = find(status, "Established")
    if not established or (established["status"] != "True" and not refusal):
        text = ("NotAccepted", "not all names are accepted")
        if not refusal:
            text = ("Installing", "the initial names have been accepted")
        established = condition("Established", False, *text, now)
    status = with_condition(with_condition(status, accepted), established)
    approval = _approval(crd, now)
    return with_condition(status, approval) if approval else status


def establish(status: Obj, now: datetime) -> Obj:
    """Return the status of a definition whose resources are served now."""
    message = "the initial names have been accepted"
    return with_condition(status, condition("Established", True, "InitialNamesAccepted", message, now))


def _settle(wanted: Obj, held: Obj, others: Taken) -> tuple[Obj, tuple[str, str] | None]:
    """Return the names that are accepted, and reason and message of the last conflict."""
    names, refusal = dict(held), None
    for key, used in (("plural", others.resources), ("singular", others.resources), ("kind", others.kinds),
                      ("listKind", others.kinds)):  # fmt: skip
        value = wanted.get(key) or ""
        if value and value != held.get(key) and value in used:
            refusal = (f"{key[0].upper()}{key[1:]}Conflict", f"{quote(value)} is already in use")
        elif value:
            names[key] = value
        else:
            names.pop(key, None)
        if key == "singular":
            clash = _short_names(wanted, held, others, names)
            refusal = clash or refusal
    _put(names, "categories", wanted.get("categories"))
    return names, refusal


def _short_names(wanted: Obj, held: Obj, others: Taken, names: Obj) -> tuple[str, str] | None:
    fresh = [name for name in wanted.get("shortNames") or () if name not in (held.get("shortNames") or ())]
    clashes = [f"{quote(name)} is already in use" for name in fresh if name in others.resources]
    if not clashes:
        _put(names, "shortNames", wanted.get("shortNames"))
        return None
    return "ShortNamesConflict", clashes[0] if len(clashes) == 1 else f"[{', '.join(clashes)}]"


def _put(names: Obj, key: str, value: Any) -> None:
    if value:
        names[key] = list(value)
    else:
        names.pop(key, None)


def _approval(crd: Obj, now: datetime) -> Obj | None:
    if not protected(crd["spec"]["group"]):
        return None
    given = part(crd, "metadata.annotations").get(APPROVED) or ""
    name = "KubernetesAPIApprovalPolicyConformant"
    if not given:
        message = (
            f'protected groups must have approval annotation "{APPROVED}", '
            "see https://github.com/kubernetes/enhancements/pull/1111"
        )
        return condition(name, False, "MissingAnnotation", message, now)
    if given.startswith("unapproved"):
        return condition(name, False, "UnapprovedAnnotation", f"not approved: {quote(given)}", now)
    return condition(name, True, "ApprovedAnnotation", f"approved in {given}", now)
