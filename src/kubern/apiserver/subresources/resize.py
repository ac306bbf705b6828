"""`pods/resize`: the resources of a running pod's containers."""

from __future__ import annotations

from kubern.api.podspec.resize import prepare_resize_update, validate_resize_update
from kubern.api.resource import Resource
from kubern.apiserver.replacing import replacing
from kubern.apiserver.strategy import Strategy
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.errors import Cause
from kubern.base.json import Obj


def strategy(resource: Resource) -> Strategy:
    """Only the containers' resources and resize policies are taken from the request."""

    def validate(new: Obj, old: Obj) -> list[Cause]:
        return [*resource.validate(new), *validate_resize_update(new, old)]

    return Strategy("resize", prepare_resize_update, validate)


SUBRESOURCE = SubresourceHandler("resize", replacing(strategy), ("pods",))
