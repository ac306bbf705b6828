"""`certificatesigningrequests/approval`: the approver's conditions."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.apiserver.replacing import replacing
from kubern.apiserver.strategy import Strategy, take_back
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.errors import Cause
from kubern.base.json import Obj


def strategy(resource: Resource) -> Strategy:
    """Only status.conditions is taken from the request."""

    def prepare(new: Obj, old: Obj) -> None:
        conditions = (new.get("status") or {}).get("conditions")
        take_back(new, old, "spec")
        new["status"] = dict(old.get("status") or {}) | ({"conditions": conditions} if conditions else {})

    return Strategy("approval", prepare, validate)


def validate(new: Obj, old: Obj) -> list[Cause]:
    """A request is approved or denied, once."""
    types = {condition.get("type") for condition in (new.get("status") or {}).get("conditions") or ()}
    if {"Approved", "Denied"} <= types:
        text = 'Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'
        return [Cause("FieldValueInvalid", text, "status.conditions")]
    before = {condition.get("type") for condition in (old.get("status") or {}).get("conditions") or ()}
    gone = sorted(before & {"Approved", "Denied", "Failed"} - types)
    return [
        Cause(
            "FieldValueForbidden",
            f"Forbidden: updates may not remove a condition of type {kind!r}",
            "status.conditions",
        )
        for kind in gone
    ]


SUBRESOURCE = SubresourceHandler("approval", replacing(strategy), ("certificatesigningrequests.certificates.k8s.io",))
