"""CSIDriver: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable, one_of
from kubern.api.rules.values import at, fill, fill_empty, items, part, section
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MODES = ("Ephemeral", "Persistent")
_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_MAX_NAME = 63
_MIN_PERIOD = 10
_MIN_TOKEN = 10 * 60
_MAX_TOKEN = 1 << 32


def default(obj: Obj) -> None:
    """Fill a CSIDriver: volumes are attached and persistent."""
    spec = section(obj, "spec")
    fill(spec, attachRequired=True, podInfoOnMount=False, storageCapacity=False, requiresRepublish=False)
    fill(spec, fsGroupPolicy="ReadWriteOnceWithFSType", seLinuxMount=False)
    fill_empty(spec, volumeLifecycleModes=["Persistent"])


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a CSIDriver."""
    name, spec = obj["metadata"].get("name") or "", part(obj, "spec")
    causes = [field.too_long("metadata.name", _MAX_NAME)] if len(name) > _MAX_NAME else []
    for _, mode in items(spec, "volumeLifecycleModes"):
        if mode not in _MODES:
            causes.append(field.not_supported("spec.volumeLifecycleModes", mode, _MODES))
    period, path = spec.get("nodeAllocatableUpdatePeriodSeconds"), "spec.nodeAllocatableUpdatePeriodSeconds"
    if period is not None and period < _MIN_PERIOD:
        causes.append(field.invalid(path, period, f"must be greater than or equal to {_MIN_PERIOD} seconds"))
    causes += one_of(spec, "fsGroupPolicy", "spec.", _GROUP_POLICIES)
    return causes + _check_tokens(spec)


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: how volumes are attached and live."""
    now, was = part(new, "spec"), part(old, "spec")
    # upstream's message names a field that is not quite the API's
    causes = immutable(now.get("attachRequired"), was.get("attachRequired"), "spec.attachedRequired")
    modes = now.get("volumeLifecycleModes")
    return causes + immutable(modes, was.get("volumeLifecycleModes"), "spec.volumeLifecycleModes")


def count_change(new: Obj, old: Obj) -> None:
    """Count the changes of the spec: a new CSIDriver has no generation, its first change gives it 1."""
    if part(new, "spec") != part(old, "spec"):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def _check_tokens(spec: Obj) -> list[Cause]:
    causes, seen = [], set()
    for i, request in items(spec, "tokenRequests"):
        path, audience, seconds = (
            f"spec.tokenRequests[{i}]",
            request.get("audience") or "",
            request.get("expirationSeconds"),
        )
        if audience in seen:
            causes.append(field.duplicate(f"{path}.audience", audience))
            continue
        seen.add(audience)
        if seconds is not None and seconds < _MIN_TOKEN:
            message = "may not specify a duration less than 10 minutes"
            causes.append(field.invalid(f"{path}.expirationSeconds", seconds, message))
        elif seconds is not None and seconds > _MAX_TOKEN:
            message = "may not specify a duration larger than 2^32 seconds"
            causes.append(field.invalid(f"{path}.expirationSeconds", seconds, message))
    return causes


def _tokens(obj: Obj) -> str:
    return ",".join(request.get("audience") or "" for _, request in items(obj, "spec.tokenRequests")) or cells.UNSET


def _modes(obj: Obj) -> str:
    return ",".join(at(obj, "spec.volumeLifecycleModes") or ()) or cells.NONE


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.flag("AttachRequired", "spec.attachRequired", "Whether volumes are attached to nodes first.", missing=True),
    cells.flag("PodInfoOnMount", "spec.podInfoOnMount", "Whether the driver is told of the pod."),
    cells.flag("StorageCapacity", "spec.storageCapacity", "Whether the driver reports its capacity."),
    cells.column("TokenRequests", _tokens, "The audiences of the tokens that the driver gets."),
    cells.flag("RequiresRepublish", "spec.requiresRepublish", "Whether volumes are published again and again."),
    cells.column("Modes", _modes, "The volumes' life cycles."),
    cells.AGE,
)


RESOURCE = Resource(
    group="storage.k8s.io",
    version="v1",
    kind="CSIDriver",
    plural="csidrivers",
    singular="csidriver",
    namespaced=False,
    schema="io.k8s.api.storage.v1.CSIDriver",
    columns=COLUMNS,
    default=default,
    validate=validate,
    prepare_update=count_change,
    validate_update=validate_update,
)
