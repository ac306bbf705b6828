"""Ingress: its facts, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import named
from kubern.api.rules.load_balancers import check_points, is_address
from kubern.api.rules.object_references import check_reference
from kubern.api.rules.values import at, items
from kubern.base.errors import Cause
from kubern.base.json import Obj

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS = ("/..", "/.")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with an Ingress."""
    spec = obj.get("spec") or {}
    causes = []
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        causes.append(field.invalid("spec", spec.get("rules"), "either `defaultBackend` or `rules` must be specified"))
    if spec.get("defaultBackend") is not None:
        causes += _check_backend(spec["defaultBackend"], "spec.defaultBackend")
    for i, rule in items(spec, "rules"):
        causes += _check_rule(rule, f"spec.rules[{i}]")
    for i, tls in items(spec, "tls"):
        for j, host in enumerate(tls.get("hosts") or ()):
            causes += _check_host(host, f"spec.tls[{i}].hosts[{j}]")
        if tls.get("secretName"):
            causes += named(tls["secretName"], f"spec.tls[{i}].secretName", names.dns1123_subdomain)
    name = spec.get("ingressClassName")
    return causes if name is None else causes + named(name, "spec.ingressClassName", names.dns1123_subdomain)


def validate_create(obj: Obj) -> list[Cause]:
    """Return what only a new Ingress may not say: two different classes."""
    name, given = at(obj, "spec.ingressClassName"), (obj["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    if name is None or given is None or given == name:
        return []
    message = "must match `ingressClassName` when both are specified"
    return [field.invalid(f"annotations.{CLASS_ANNOTATION}", given, message)]


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what is wrong with where an Ingress is said to be reached."""
    return check_points(at(new, "status.loadBalancer.ingress") or [], modes=False)


def _check_host(host: str, path: str) -> list[Cause]:
    return named(host, path, names.wildcard_dns1123_subdomain if "*" in host else names.dns1123_subdomain)


def _check_rule(rule: Obj, path: str) -> list[Cause]:
    causes, host = [], rule.get("host") or ""
    if host:
        if is_address(host):
            causes.append(field.invalid(f"{path}.host", host, "must be a DNS name, not an IP address"))
        causes += _check_host(host, f"{path}.host")
    http = rule.get("http")
    if http is None:
        return causes
    if not http.get("paths"):
        causes.append(field.required(f"{path}.http.paths", ""))
    for i, each in items(http, "paths"):
        causes += _check_path(each, f"{path}.http.paths[{i}]")
    return causes


def _check_path(each: Obj, path: str) -> list[Cause]:
    kind, value, causes = each.get("pathType"), each.get("path") or "", []
    if kind is None:
        return [field.required(f"{path}.pathType", "pathType must be specified")]
    if kind not in _PATH_TYPES:
        causes.append(field.not_supported(f"{path}.pathType", kind, _PATH_TYPES))
    elif kind == "ImplementationSpecific":
        if value and not value.startswith("/"):
            causes.append(field.invalid(f"{path}.path", value, "must be an absolute path"))
    else:
        causes += _check_prefix(value, f"{path}.path")
    return causes + _check_backend(each.get("backend") or {}, f"{path}.backend")


def _check_prefix(value: str, path: str) -> list[Cause]:
    if not value.startswith("/"):
        return [field.invalid(path, value, "must be an absolute path")]
    causes = [field.invalid(path, value, f"must not contain '{bad}'") for bad in _BAD_SEQUENCES if bad in value]
    return causes + [field.invalid(path, value, f"cannot end with '{bad}'") for bad in _BAD_ENDS if value.endswith(bad)]


def _check_backend(backend: Obj, path: str) -> list[Cause]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        return [field.invalid(path, "", "cannot set both resource and service backends")]
    if resource is not None:
        return check_reference(resource, f"{path}.resource")
    if service is None:
        return [field.invalid(path, "", "resource or service backend is required")]
    return _check_service(service, path)


def _check_service(service: Obj, path: str) -> list[Cause]:
    here, name, port = f"{path}.service", service.get("name") or "", service.get("port") or {}
    if name:
        causes = named(name, f"{here}.name", names.dns1035_label)
    else:
        causes = [field.required(f"{here}.name", "")]
    label, number = port.get("name") or "", port.get("number") or 0
    if label and number:
        causes.append(field.invalid(path, "", "cannot set both port name & port number"))
    elif label:
        causes += named(label, f"{here}.port.name", names.port_name)
    elif number:
        causes += [field.invalid(f"{here}.port.number", number, message) for message in names.port_number(number)]
    else:
        causes.append(field.required(path, "port name or number is required"))
    return causes


def _class(obj: Obj) -> str:
    name = at(obj, "spec.ingressClassName")
    return name or (obj["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION) or cells.NONE


def _hosts(obj: Obj) -> str:
    hosts = [rule["host"] for _, rule in items(obj, "spec.rules") if rule.get("host")]
    return cells.some(hosts) if hosts else "*"


def _addresses(obj: Obj) -> str:
    points = at(obj, "status.loadBalancer.ingress") or ()
    return ",".join(point.get("ip") or point.get("hostname") or "" for point in points)


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Class", _class, "The class of the ingress."),
    cells.column("Hosts", _hosts, "The hosts that its rules name."),
    cells.column("Address", _addresses, "Where it is reached."),
    cells.column("Ports", lambda obj: "80, 443" if at(obj, "spec.tls") else "80", "The ports it answers on."),
    cells.AGE,
)


RESOURCE = Resource(
    group="networking.k8s.io",
    version="v1",
    kind="Ingress",
    plural="ingresses",
    singular="ingress",
    namespaced=True,
    schema="io.k8s.api.networking.v1.Ingress",
    short_names=("ing",),
    subresources=(STATUS,),
    generation=True,
    storage_prefix="ingress",
    columns=COLUMNS,
    validate=validate,
    validate_create=validate_create,
    validate_status_update=validate_status_update,
)
