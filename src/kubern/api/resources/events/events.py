"""Event of events.k8s.io: the same stored objects as the core group's events, under newer field names."""

from __future__ import annotations

from dataclasses import replace

from kubern.api import field
from kubern.api.resource import Conversion
from kubern.api.resources.core.events import RESOURCE as CORE
from kubern.api.rules.checks import immutable
from kubern.base.errors import Cause
from kubern.base.json import Obj

# events.k8s.io name -> name in the stored core/v1 form; everything else is called the same in both.
_RENAMED = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}


_FIXED = (
    "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "type", "eventTime",
    "action", "related", "reportingComponent", "reportingInstance",
)  # fmt: skip
_PATHS = {"reportingComponent": "reportingController"}
_UNSET = ("firstTimestamp", "lastTimestamp", "count", "source")


def validate_create(obj: Obj) -> list[Cause]:
    """Return what is wrong with a new Event in its stored form: this group asks for more than the core group."""
    causes = _check_series(obj.get("series"))
    if not obj.get("eventTime"):
        causes.append(field.required("eventTime"))
    if obj.get("type") not in ("Normal", "Warning"):
        causes.append(field.invalid("type", "", f"has invalid value: {obj.get('type') or ''}"))
    for name in _UNSET:
        value = obj.get(name)
        if any(value.values()) if isinstance(value, dict) else value:
            causes.append(field.invalid(name, "", "needs to be unset"))
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what an update through this group may not change: all but the series and the metadata."""
    causes = [] if new.get("series") == old.get("series") else _check_series(new.get("series"))
    return causes + [
        cause for name in _FIXED for cause in immutable(new.get(name), old.get(name), _PATHS.get(name, name))
    ]


def _check_series(series: Obj | None) -> list[Cause]:
    if series is None:
        return []
    causes = []
    if (series.get("count") or 0) < 2:
        causes.append(field.invalid("series.count", "", "should be at least 2"))
    if not series.get("lastObservedTime"):
        causes.append(field.required("series.lastObservedTime", ""))
    return causes


def to_core(obj: Obj) -> None:
    """Rename an events.k8s.io Event's fields to the core group's."""
    for new, old in _RENAMED.items():
        if new in obj:
            obj[old] = obj.pop(new)


def from_core(obj: Obj) -> None:
    """Rename a core Event's fields to events.k8s.io's."""
    for new, old in _RENAMED.items():
        if old in obj:
            obj[new] = obj.pop(old)


# Columns and selectable fields are the core group's: they see the stored form.
RESOURCE = replace(
    CORE,
    group="events.k8s.io",
    version="v1",
    schema="io.k8s.api.events.v1.Event",
    storage_version=False,
    storage_prefix="events",
    conversion=Conversion(to_core, from_core),
    validate_create=validate_create,
    validate_update=validate_update,
)
