"""`namespaces/finalize`: a controller says that it has emptied the namespace."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.apiserver.replacing import replacing
from kubern.apiserver.strategy import Strategy, take_back
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.json import Obj


def strategy(resource: Resource) -> Strategy:
    """Only spec.finalizers is taken from the request."""

    def prepare(new: Obj, old: Obj) -> None:
        finalizers = (new.get("spec") or {}).get("finalizers") or []
        spec = dict(old.get("spec") or {})
        spec.pop("finalizers", None)
        new["spec"] = spec | ({"finalizers": finalizers} if finalizers else {})
        take_back(new, old, "status")
        new["metadata"] = dict(old["metadata"])

    return Strategy("finalize", prepare, lambda new, old: [])


SUBRESOURCE = SubresourceHandler("finalize", replacing(strategy), ("namespaces",))
