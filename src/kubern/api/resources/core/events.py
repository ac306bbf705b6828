"""Event: something that happened to an object."""

from __future__ import annotations

from datetime import datetime

from kubern.api import field, names
from kubern.api.columns import ago
from kubern.api.resource import Column, Resource
from kubern.api.rules.cells import NAME, column, text
from kubern.api.rules.values import at
from kubern.base.errors import Cause
from kubern.base.json import Obj

_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


_MAX_TEXT, _MAX_NOTE = 128, 1024
_ELSEWHERE = "does not match event.namespace"


def _validate(event: Obj) -> list[Cause]:
    own = (event.get("metadata") or {}).get("namespace") or ""
    involved = (event.get("involvedObject") or {}).get("namespace") or ""
    if event.get("eventTime"):
        causes = [] if involved or own in ("default", "kube-system") else [_elsewhere(involved)]
        return causes + _check_texts(event)
    # an event of an object without a namespace is kept in `default`
    return [] if involved == own or (not involved and own == "default") else [_elsewhere(involved)]


def _elsewhere(involved: str) -> Cause:
    return field.invalid("involvedObject.namespace", involved, _ELSEWHERE)


def _check_texts(event: Obj) -> list[Cause]:
    """Check what an event in the newer form must say: who reports what, in so many characters."""
    controller = event.get("reportingComponent") or ""
    causes = [] if controller else [field.required("reportingController")]
    causes += [
        field.invalid("reportingController", controller, message) for message in names.qualified_name(controller)
    ]
    for name in ("reportingInstance", "action", "reason"):
        value = event.get(name) or ""
        if not value:
            causes.append(field.required(name))
        if len(value.encode()) > _MAX_TEXT:
            causes.append(field.invalid(name, "", f"can have at most {_MAX_TEXT} characters"))
    if len((event.get("message") or "").encode()) > _MAX_NOTE:
        causes.append(field.invalid("message", "", f"can have at most {_MAX_NOTE} characters"))
    return causes


def _fields(event: Obj) -> dict[str, str]:
    involved = event.get("involvedObject") or {}
    controller = event.get("reportingComponent") or ""
    return {f"involvedObject.{name}": involved.get(name) or "" for name in _INVOLVED} | {
        "reason": event.get("reason") or "",
        "reportingComponent": controller,
        "source": at(event, "source.component") or controller,
        "type": event.get("type") or "",
    }


def _first_time(event: Obj) -> str | None:
    return event.get("firstTimestamp") or event.get("eventTime")


def _first_seen(event: Obj, now: datetime) -> str:
    return ago(_first_time(event), now)


def _last_seen(event: Obj, now: datetime) -> str:
    last = at(event, "series.lastObservedTime") or event.get("lastTimestamp")
    return ago(last, now) if last else _first_seen(event, now)


def _object(event: Obj) -> str:
    involved = event.get("involvedObject") or {}
    kind, name = (involved.get("kind") or "").lower(), involved.get("name") or ""
    return f"{kind}/{name}" if name else kind


def _source(event: Obj) -> str:
    component = at(event, "source.component") or event.get("reportingComponent") or ""
    host = at(event, "source.host") or event.get("reportingInstance") or ""
    return f"{component}, {host}" if host else component


def _count(event: Obj) -> int:
    return int(at(event, "series.count") or event.get("count") or 1)


def _message(event: Obj) -> str:
    return (event.get("message") or "").strip()


_COLUMNS = (
    Column("Last Seen", _last_seen, description="How long ago it was last seen."),
    text("Type", "type", "Whether it is normal or a warning."),
    text("Reason", "reason", "Why it happened, in a word."),
    column("Object", _object, "What it happened to."),
    text("Subobject", "involvedObject.fieldPath", "Which part of the object it happened to.", wide=True),
    column("Source", _source, "Who reported it.", wide=True),
    column("Message", _message, "What happened, for a human reader."),
    Column("First Seen", _first_seen, description="How long ago it was first seen.", priority=1),
    column("Count", _count, "How often it happened.", type="integer", wide=True),
    NAME._replace(priority=1),
)


RESOURCE = Resource(
    group="",
    version="v1",
    kind="Event",
    plural="events",
    singular="event",
    namespaced=True,
    schema="io.k8s.api.core.v1.Event",
    short_names=("ev",),
    columns=_COLUMNS,
    validate=_validate,
    fields=_fields,
)
