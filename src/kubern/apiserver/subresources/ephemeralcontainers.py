"""`pods/ephemeralcontainers`: containers added to a running pod for debugging; they can be added, never changed or removed."""

from __future__ import annotations

from kubern.api.podspec.update import prepare_ephemeral_update, validate_ephemeral_update
from kubern.api.resource import Resource
from kubern.apiserver.replacing import replacing
from kubern.apiserver.strategy import Strategy
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.errors import Cause
from kubern.base.json import Obj


def strategy(resource: Resource) -> Strategy:
    """Only spec.ephemeralContainers is taken from the request."""

    def validate(new: Obj, old: Obj) -> list[Cause]:
        return [*resource.validate(new), *validate_ephemeral_update(new, old)]

    return Strategy("ephemeralcontainers", prepare_ephemeral_update, validate)


SUBRESOURCE = SubresourceHandler("ephemeralcontainers", replacing(strategy), ("pods",))
