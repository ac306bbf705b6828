"""APIService: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import named
from kubern.api.rules.values import at, fill, items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_GROUP_PRIORITY = 20000
_MAX_VERSION_PRIORITY = 1000


def default(obj: Obj) -> None:
    """Fill an APIService: the service behind it answers on port 443."""
    service = at(obj, "spec.service")
    if service is not None:
        fill(service, port=443)


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with an APIService."""
    spec, name = part(obj, "spec"), obj["metadata"].get("name") or ""
    group, version = spec.get("group") or "", spec.get("version") or ""
    causes = []
    if name != f"{version}.{group}":
        causes.append(field.invalid("metadata.name", name, 'must be `spec.version+"."+spec.group`'))
    causes += named(group, "spec.group", names.dns1123_subdomain) if group else []
    causes += named(version, "spec.version", names.dns1035_label)
    for key, most in (("groupPriorityMinimum", _MAX_GROUP_PRIORITY), ("versionPriority", _MAX_VERSION_PRIORITY)):
        value = spec.get(key) or 0
        if not 0 < value <= most:
            causes.append(field.invalid(f"spec.{key}", value, f"must be positive and less than {most}"))
    return causes + (_check_local(spec) if spec.get("service") is None else _check_service(spec))


def _check_local(spec: Obj) -> list[Cause]:
    path = "spec.insecureSkipTLSVerify"
    causes = []
    if spec.get("caBundle"):
        causes.append(
            field.invalid(
                "spec.caBundle", f"{len(spec['caBundle'])} bytes", "local APIServices may not have a caBundle"
            )
        )
    if spec.get("insecureSkipTLSVerify"):
        causes.append(field.invalid(path, True, "local APIServices may not have insecureSkipTLSVerify"))
    return causes


def _check_service(spec: Obj) -> list[Cause]:
    service, path = spec["service"], "spec.service"
    causes = [field.required(f"{path}.{name}", "") for name in ("namespace", "name") if not service.get(name)]
    if wrong := names.port_number(service.get("port")):
        causes.append(field.invalid(f"{path}.port", service.get("port"), f"port is not valid: {', '.join(wrong)}"))
    if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
        message = "may not be true if caBundle is present"
        causes.append(field.invalid("spec.insecureSkipTLSVerify", True, message))
    return causes


def _service(obj: Obj) -> str:
    service = at(obj, "spec.service")
    return f"{service.get('namespace')}/{service.get('name')}" if service else "Local"


def _available(obj: Obj) -> str:
    for _, condition in items(obj, "status.conditions"):
        if condition.get("type") == "Available":
            status = condition.get("status") or ""
            return status if status == "True" else f"{status} ({condition.get('reason') or ''})"
    return "Unknown"


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Service", _service, "What answers for it."),
    cells.column("Available", _available, "Whether it answers."),
    cells.AGE,
)


RESOURCE = Resource(
    group="apiregistration.k8s.io",
    version="v1",
    kind="APIService",
    plural="apiservices",
    singular="apiservice",
    namespaced=False,
    schema="io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService",
    categories=("api-extensions",),
    subresources=(STATUS,),
    storage_prefix="apiregistration.k8s.io/apiservices",
    columns=COLUMNS,
    default=default,
    validate=validate,
)
