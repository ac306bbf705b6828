"""`certificatesigningrequests/approval`: the approver's conditions."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.api.rules.certificate_status import check_request_status
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
    return check_request_status(new, old, approval=True)


SUBRESOURCE = SubresourceHandler("approval", replacing(strategy), ("certificatesigningrequests.certificates.k8s.io",))
