"""Service: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import names
from kubern.api.resource import STATUS, Resource, Subresource
from kubern.api.service.columns import COLUMNS
from kubern.api.service.defaults import default_service, prepare_create, prepare_update
from kubern.api.service.validation import validate_service, validate_service_status_update, validate_service_update
from kubern.base.json import Obj

PROXY_VERBS = ("create", "delete", "get", "patch", "update")


def _fields(service: Obj) -> dict[str, str]:
    spec = service.get("spec") or {}
    return {"spec.clusterIP": spec.get("clusterIP") or "", "spec.type": spec.get("type") or ""}


RESOURCE = Resource(
    group="",
    version="v1",
    kind="Service",
    plural="services",
    singular="service",
    namespaced=True,
    schema="io.k8s.api.core.v1.Service",
    short_names=("svc",),
    categories=("all",),
    subresources=(
        Subresource("proxy", PROXY_VERBS, "ServiceProxyOptions"),
        STATUS,
    ),
    storage_prefix="services/specs",
    columns=COLUMNS,
    default=default_service,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate=validate_service,
    validate_update=validate_service_update,
    validate_status_update=validate_service_status_update,
    fields=_fields,
    validate_name=names.dns1035_label,
)
