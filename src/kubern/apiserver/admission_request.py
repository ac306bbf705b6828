"""A request as `admission.k8s.io/v1.AdmissionRequest` describes it: what webhooks are sent, and what policies know as `request`."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.apiserver.admission_chain import Attributes, Kind
from kubern.apiserver.identity import user_info
from kubern.base.json import Obj


def admission_request(attributes: Attributes, matched: Resource | None = None) -> Obj:
    """Return the request without uid and objects. `matched` is the version that a rule asked for, if it is not the request's own."""
    asked = attributes.resource
    resource = matched or asked
    kind = attributes.kind or Kind(resource.group, resource.version, resource.kind)
    request: Obj = {"kind": kind._asdict(), "resource": _resource(resource)}
    if attributes.subresource:
        request["subResource"] = attributes.subresource
    request |= {"requestKind": attributes.object_kind._asdict(), "requestResource": _resource(asked)}
    if attributes.subresource:
        request["requestSubResource"] = attributes.subresource
    if attributes.name:
        request["name"] = attributes.name
    if attributes.namespace:
        request["namespace"] = attributes.namespace
    return request | {
        "operation": attributes.operation,
        "userInfo": user_info(attributes.user),
        "dryRun": attributes.dry_run,
        "options": attributes.options,
    }


def _resource(resource: Resource) -> Obj:
    return {"group": resource.group, "version": resource.version, "resource": resource.plural}
