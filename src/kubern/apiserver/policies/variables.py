"""What the expressions of policies and match conditions see of a request."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import orjson

from kubern.api.cel.authorization import Authorizer, Check, Decide, Verdict
from kubern.api.cel.instants import parse_timestamp
from kubern.api.resource import Resource
from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.admission_request import admission_request
from kubern.apiserver.conversion import to_served
from kubern.apiserver.core import Core
from kubern.apiserver.identity import AUTHENTICATED, User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.json import Obj

_SHOWN = (
    *("name", "generateName", "namespace", "labels", "annotations", "creationTimestamp", "deletionGracePeriodSeconds"),
    *("deletionTimestamp", "generation", "resourceVersion", "finalizers"),
)


def request_variables(attributes: Attributes, matched: Resource) -> dict[str, Any]:
    """Return `object`, `oldObject`, `request`, `namespaceObject` and the authorizer for a request, in the version that matched."""
    authorizer = _authorizer(attributes.core, attributes.user)
    return {
        "object": served(attributes, attributes.obj, matched),
        "oldObject": served(attributes, attributes.old, matched),
        "request": admission_request(attributes, matched),
        "namespaceObject": _namespace(attributes),
        "authorizer": authorizer,
        "authorizer.requestResource": _request_resource(authorizer, attributes),
    }


def served(attributes: Attributes, obj: Obj | None, matched: Resource) -> Obj | None:
    """Return the object in the version that matched; it may be shared, since expressions change nothing."""
    if obj is None or attributes.kind is not None or not matched.stored:
        return obj
    stored = attributes.core.storage(matched).resource
    if stored.api_version == matched.api_version:
        return obj
    copied: Obj = orjson.loads(orjson.dumps(obj))
    return to_served(stored, matched)(copied)


def _namespace(attributes: Attributes) -> Obj | None:
    """Return the request's namespace with the fields that expressions may see, times as times."""
    if not attributes.namespace or not attributes.resource.namespaced:
        return None
    entry = attributes.core.namespace(attributes.namespace)
    if entry is None:
        return None
    obj = entry.obj()
    metadata = {key: value for key in _SHOWN if (value := obj["metadata"].get(key)) is not None}
    for key in ("creationTimestamp", "deletionTimestamp"):
        if key in metadata:
            metadata[key] = parse_timestamp(metadata[key])
    metadata["UID"] = obj["metadata"].get("uid", "")
    return {"metadata": metadata, "spec": obj.get("spec") or {}, "status": obj.get("status") or {}}


def _authorizer(core: Core, user: User) -> Authorizer:
    def of_account(namespace: str, name: str) -> Decide:
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
        return _decide(core, User(f"system:serviceaccount:{namespace}:{name}", groups))

    return Authorizer(_decide(core, user), of_account)


def _decide(core: Core, user: User) -> Decide:
    def decide(question: Mapping[str, str], verb: str) -> Verdict:
        decision = core.authorizer(user, _info(question, verb))
        if inspect.isawaitable(decision):
            return Verdict(False, error="the authorizer does not answer at once")
        return Verdict(decision.allowed, decision.reason)

    return decide


def _info(question: Mapping[str, str], verb: str) -> RequestInfo:
    if "path" in question:
        return RequestInfo(False, verb, question["path"])
    names = ("group", "version", "namespace", "resource", "name", "subresource")
    group, version, namespace, resource, name, subresource = (question.get(key, "") for key in names)
    return RequestInfo(True, verb, "", group, version, namespace, resource, name, subresource)


def _request_resource(authorizer: Authorizer, attributes: Attributes) -> Check:
    resource = attributes.resource
    question = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    asked = {"namespace": attributes.namespace, "name": attributes.name, "subresource": attributes.subresource}
    return Check(authorizer, question | {key: value for key, value in asked.items() if value}, "ResourceCheck")
