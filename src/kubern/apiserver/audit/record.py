"""One audited request, from its arrival to its end: what the parts of the apiserver know of it, and the events made of that.

`current` is the record of the request that the running code serves; whoever decides something worth telling says `annotate`. What always
holds: without an audit policy there is no record, and every call here ends at once.
"""

from __future__ import annotations

import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson

from kubern.api.codec import PROTOBUF, decode_any, media_type, protobuf
from kubern.api.codec.protobuf import PREFIX
from kubern.apiserver.audit.policy import LEVELS, Verdict
from kubern.apiserver.identity import User, user_info
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import StatusError
from kubern.base.json import Obj
from kubern.http.contract import Request

METADATA, REQUEST, REQUEST_RESPONSE = 1, 2, 3
_BODIES = ("create", "update", "patch", "delete", "deletecollection")
_STATUS = ("metadata", "status", "message", "reason", "details", "code")
CURRENT: ContextVar[Record | None] = ContextVar("audit", default=None)


class Record:
    """What is known of one request."""

    def __init__(self, request: Request, info: RequestInfo, now: datetime) -> None:
        self.request, self.info = request, info
        self.received = now
        self.id = request.headers.get("audit-id", "")[:64] or str(uuid.uuid4())
        self.verdict = Verdict()
        self.user: User | None = None
        self.impersonated: User | None = None
        self.annotations: dict[str, str] = {}
        self.begun = False
        """Whether the policy has been asked, and the request's arrival written down."""

    def event(self, stage: str, now: datetime, status: Obj | None = None, body: bytes | None = None) -> Obj:
        """Return the event of a stage."""
        info, verdict = self.info, self.verdict
        event: Obj = {
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": LEVELS[verdict.level], "auditID": self.id, "stage": stage,
            "requestURI": _uri(self.request), "verb": info.verb, "user": user_info(self.user) if self.user else {},
        }  # fmt: skip
        if self.impersonated is not None:
            event["impersonatedUser"] = user_info(self.impersonated)
        event["sourceIPs"] = _addresses(self.request)
        if agent := self.request.headers.get("user-agent"):
            event["userAgent"] = agent
        if info.is_resource:
            event["objectRef"] = self._reference(body)
        if status is not None:
            event["responseStatus"] = status
        if verdict.level >= REQUEST and stage != "RequestReceived" and info.verb in _BODIES and info.is_resource:
            self._add(event, "requestObject", _read(self.request.body, self.request.headers.get("content-type", "")))
        if verdict.level >= REQUEST_RESPONSE and stage == "ResponseComplete" and body and info.is_resource:
            self._add(event, "responseObject", _shown(body))
        event["requestReceivedTimestamp"], event["stageTimestamp"] = _micro(self.received), _micro(now)
        if self.annotations:
            event["annotations"] = dict(self.annotations)
        return event

    def _add(self, event: Obj, name: str, obj: Any) -> None:
        if obj is None:
            return
        if self.verdict.omit_managed_fields and isinstance(obj, dict):
            for one in (obj, *(obj.get("items") or ())):
                if isinstance(one, dict) and isinstance(one.get("metadata"), dict):
                    one["metadata"].pop("managedFields", None)
        event[name] = obj

    def _reference(self, body: bytes | None) -> Obj:
        info = self.info
        reference = {"resource": info.resource, "namespace": info.namespace, "name": info.name, "apiGroup": info.group}
        if not info.name and info.verb == "create" and body:
            written = _shown(body)
            metadata = written.get("metadata") if isinstance(written, dict) else None
            if isinstance(metadata, dict):
                reference["name"] = str(metadata.get("name") or "")
        reference |= {"apiVersion": info.version, "subresource": info.subresource}
        return {key: value for key, value in reference.items() if value}


def identified(user: User | None) -> None:
    """Note as whom the request is served."""
    record = CURRENT.get()
    if record is None or user is None:
        return
    if record.user is None:
        record.user = user
    elif record.user != user:
        record.impersonated = user


def annotate(key: str, value: str) -> None:
    """Write something down beside the request that is served, unless something is there under this key already."""
    record = CURRENT.get()
    if record is not None:
        record.annotations.setdefault(key, value)


def status_of(code: int, body: bytes) -> Obj:
    """Return the `responseStatus` of an answer: of an error what it says, of anything else the code."""
    if code >= 400:
        said = _shown(body)
        if isinstance(said, dict) and said.get("kind") == "Status":
            return {key: said[key] for key in _STATUS if key in said}
    return {"metadata": {}, "code": code}


def _shown(body: bytes) -> Any:
    try:
        return protobuf().decode(body) if body.startswith(PREFIX) else orjson.loads(body)
    except (ValueError, StatusError):
        return None


def _read(body: bytes, content_type: str) -> Any:
    """Return what a request brought along, a patch as it was written; None for what cannot be read."""
    if not body:
        return None
    try:
        media = media_type(content_type)
        return decode_any(body, media if media == PROTOBUF else content_type, "")[0]
    except StatusError:
        return None


def _uri(request: Request) -> str:
    path = request.raw_path or request.path
    return f"{path}?{request.query}" if request.query and "?" not in path else path


def _addresses(request: Request) -> list[str]:
    forwarded = [one.strip() for one in request.headers.get("x-forwarded-for", "").split(",") if one.strip()]
    address = request.peer.address
    return [*forwarded, address] if address else forwarded


def _micro(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
