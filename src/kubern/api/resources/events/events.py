"""Event of events.k8s.io: the same stored objects as the core group's events, under newer field names."""

from __future__ import annotations

from kubern.api.resource import Conversion, Resource
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


RESOURCE = Resource(
    group="events.k8s.io",
    version="v1",
    kind="Event",
    plural="events",
    singular="event",
    namespaced=True,
    schema="io.k8s.api.events.v1.Event",
    short_names=("ev",),
    storage_version=False,
    storage_prefix="events",
    conversion=Conversion(to_core, from_core),
)
