"""ResourceClaim: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Column, Conversion, OtherVersion, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable
from kubern.api.rules.device_claim_status import check_claim_status
from kubern.api.rules.devices import (
    check_requests,
    claim_from_v1beta1,
    claim_to_v1beta1,
    default_requests,
    request_reference,
)
from kubern.api.rules.values import at, part
from kubern.base.errors import Cause
from kubern.base.json import Obj


def default(obj: Obj) -> None:
    """Fill a ResourceClaim: each request is for one device."""
    default_requests(part(obj, "spec"))


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ResourceClaim."""
    return check_requests(part(obj, "spec"), "spec")


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: all that is asked for."""
    return immutable(new.get("spec"), old.get("spec"), "spec")


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with what scheduler, controllers and drivers say of a claim."""
    return check_claim_status(new, old, request_reference(part(new, "spec")))


def _state(obj: Obj) -> str:
    states = []
    if obj["metadata"].get("deletionTimestamp"):
        states.append("deleted")
    if at(obj, "status.allocation") is None:
        states += [] if states else ["pending"]
    else:
        states += ["allocated", "reserved"] if at(obj, "status.reservedFor") else ["allocated"]
    return ",".join(states)


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("State", _state, "Whether devices are allocated and in use."),
    cells.AGE,
)


RESOURCE = Resource(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceClaim",
    plural="resourceclaims",
    singular="resourceclaim",
    namespaced=True,
    schema="io.k8s.api.resource.v1.ResourceClaim",
    other_versions=(
        OtherVersion("v1beta2", "io.k8s.api.resource.v1beta2.ResourceClaim"),
        OtherVersion(
            "v1beta1", "io.k8s.api.resource.v1beta1.ResourceClaim", Conversion(claim_from_v1beta1, claim_to_v1beta1)
        ),
    ),
    subresources=(STATUS,),
    columns=COLUMNS,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
)
