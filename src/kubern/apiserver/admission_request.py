"""A write as `admission.k8s.io/v1.AdmissionRequest` describes it: what webhooks are sent, and what policies know as `request`."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.reviewing import user_info
from kubern.base.json import Obj

_OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


def admission_request(attributes: Attributes, matched: Resource | None = None) -> Obj:
    """Return the request without uid and objects. `matched` is the version that a rule asked for, if it is not the request's own."""
    asked = attributes.resource
    resource = matched or asked
    request: Obj = {
        "kind": _kind(resource),
        "resource": _resource(resource),
        "requestKind": _kind(asked),
        "requestResource": _resource(asked),
        "name": attributes.name,
        "operation": attributes.operation,
        "userInfo": user_info(attributes.user),
        "dryRun": attributes.dry_run,
    }
    if attributes.subresource:
        request |= {"subResource": attributes.subresource, "requestSubResource": attributes.subresource}
    if attributes.namespace:
        request["namespace"] = attributes.namespace
    if options := _OPTIONS.get(attributes.operation):
        request["options"] = {"kind": options, "apiVersion": "meta.k8s.io/v1"} | (
            {"dryRun": ["All"]} if attributes.dry_run else {}
        )
    return request


def _kind(resource: Resource) -> Obj:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _resource(resource: Resource) -> Obj:
    return {"group": resource.group, "version": resource.version, "resource": resource.plural}
