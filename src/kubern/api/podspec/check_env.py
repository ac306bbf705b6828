"""Checks of a container's environment: `env`, `envFrom` and the references to fields that volumes use too.

Called by the container checks and the volume checks. Paths and wording are upstream's.
"""

from __future__ import annotations

import re

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj

ENV_FIELDS = frozenset(
    {
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
        "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    }
)  # fmt: skip
VOLUME_FIELDS = frozenset(
    {"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"}
)
_KNOWN_FIELDS = ENV_FIELDS | VOLUME_FIELDS | {"spec.restartPolicy", "spec.schedulerName", "status.phase"}
_RESOURCES = tuple(
    f"{kind}.{name}" for kind in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)
_SUBSCRIPT = re.compile(r"^(metadata\.(?:annotations|labels))\['(.*)'\]$")
_ENV_NAME = re.compile(r"^[ -<>-~]+$")
_ENV_NAME_MESSAGE = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_SIZES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_DIVISORS = {
    "cpu": (("1m", "1"), "only divisor's values 1m and 1 are supported with the cpu resource"),
    "memory": (_SIZES, f"only divisor's values {', '.join(_SIZES)} are supported with the memory resource"),
    "ephemeral-storage": (
        _SIZES,
        f"only divisor's values {', '.join(_SIZES)} are supported with the local ephemeral storage resource",
    ),
    "hugepages": (_SIZES, f"only divisor's values {', '.join(_SIZES)} are supported with the hugepages resource"),
}


def check_env(variables: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with `env`."""
    causes: list[Cause] = []
    for i, variable in enumerate(variables):
        name = variable.get("name") or ""
        if not name:
            causes.append(field.required(f"{path}[{i}].name"))
        elif not _ENV_NAME.match(name):
            causes.append(field.invalid(f"{path}[{i}].name", name, _ENV_NAME_MESSAGE))
        if variable.get("valueFrom") is not None:
            causes += _check_value_from(variable, f"{path}[{i}].valueFrom")
    return causes


def check_env_from(sources: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with `envFrom`."""
    causes: list[Cause] = []
    for i, source in enumerate(sources):
        here = f"{path}[{i}]"
        prefix = source.get("prefix") or ""
        if prefix and not _ENV_NAME.match(prefix):
            causes.append(field.invalid(f"{here}.prefix", prefix, _ENV_NAME_MESSAGE))
        given = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
        for kind in given:
            here_name = f"{here}.{kind}.name"
            named = source[kind].get("name")
            causes += _check_name(source[kind], f"{here}.{kind}") if named else [field.required(here_name)]
        if not given:
            causes.append(field.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            causes.append(field.invalid(path, "", "may not have more than one field specified at a time"))
    return causes


def check_field_ref(ref: Obj, path: str, supported: frozenset[str]) -> list[Cause]:
    """Return what is wrong with a reference to a field of the pod."""
    if not ref.get("apiVersion"):
        return [field.required(f"{path}.apiVersion")]
    wanted = ref.get("fieldPath") or ""
    if not wanted:
        return [field.required(f"{path}.fieldPath")]
    match = _SUBSCRIPT.match(wanted)
    if match:
        what, key = match[1], match[2]
        key = key.lower() if what == "metadata.annotations" else key
        return [field.invalid(path, key, message) for message in names.qualified_name(key)]
    if wanted not in _KNOWN_FIELDS:
        message = f"error converting fieldPath: field label not supported: {wanted}"
        return [field.invalid(f"{path}.fieldPath", wanted, message)]
    if wanted not in supported:
        return [field.not_supported(f"{path}.fieldPath", wanted, sorted(supported))]
    return []


def check_resource_field(ref: Obj, path: str, volume: bool) -> list[Cause]:
    """Return what is wrong with a reference to a container's request or limit; volumes must name the container."""
    causes: list[Cause] = []
    if volume and not ref.get("containerName"):
        return [field.required(f"{path}.containerName")]
    wanted = ref.get("resource") or ""
    kind, _, resource = wanted.partition(".")
    if not wanted:
        return [field.required(f"{path}.resource")]
    if wanted not in _RESOURCES:
        if kind not in ("limits", "requests") or not resource.startswith("hugepages-"):
            return [field.not_supported(f"{path}.resource", wanted, list(_RESOURCES))]
        resource = "hugepages"
    allowed, message = _DIVISORS[resource]
    divisor = ref.get("divisor")
    if divisor not in (None, "", "0", 0) and str(divisor) not in allowed:
        causes.append(field.invalid(f"{path}.divisor", wanted, message))
    return causes


def _check_value_from(variable: Obj, path: str) -> list[Cause]:
    source = variable["valueFrom"]
    causes: list[Cause] = []
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if source.get(kind) is not None:
            causes += _check_name(source[kind], f"{path}.{kind}") + _check_key(source[kind], f"{path}.{kind}")
    if source.get("fieldRef") is not None:
        causes += check_field_ref(source["fieldRef"], f"{path}.fieldRef", ENV_FIELDS)
    if source.get("resourceFieldRef") is not None:
        causes += check_resource_field(source["resourceFieldRef"], f"{path}.resourceFieldRef", False)
    if source.get("fileKeyRef") is not None:
        causes += _check_file_key(source["fileKeyRef"], f"{path}.fileKeyRef")
    given = [value for value in source.values() if value is not None]
    if not given:
        choices = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        causes.append(field.invalid(path, "", f"must specify one of: {choices}"))
    elif variable.get("value"):
        causes.append(field.invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        causes.append(field.invalid(path, "", "may not have more than one field specified at a time"))
    return causes


def _check_name(ref: Obj, path: str) -> list[Cause]:
    name = ref.get("name") or ""
    return [field.invalid(f"{path}.name", name, message) for message in names.dns1123_subdomain(name)]


def _check_key(ref: Obj, path: str) -> list[Cause]:
    key = ref.get("key") or ""
    if not key:
        return [field.required(f"{path}.key")]
    return [field.invalid(f"{path}.key", key, message) for message in names.config_map_key(key)]


def _check_file_key(ref: Obj, path: str) -> list[Cause]:
    return [field.required(f"{path}.{name}") for name in ("key", "path", "volumeName") if not ref.get(name)]
