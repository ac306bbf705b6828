"""Checks of what a pod's status says of its containers' users and devices. Called by the checks of status updates.

Wording is upstream's.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubern.api import field
from kubern.base.errors import Cause
from kubern.base.json import Obj

_KINDS = (("containerStatuses", "containers"), ("initContainerStatuses", "initContainers"))
_EPHEMERAL = "ephemeralContainerStatuses"
_HEALTH = ("Healthy", "Unhealthy", "Unknown")
_MAX_ID = 2147483647
_CLAIM, _PARTS = "claim:", ("name", "request")
_NO_CLAIM = (
    "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if "
    "request is empty"
)


def check_container_statuses(status: Obj, spec: Obj) -> list[Cause]:
    """Return what is wrong with the users and the devices that a status tells of."""
    causes: list[Cause] = []
    system = (spec.get("os") or {}).get("name")
    for name in (*(kind for kind, _ in _KINDS), _EPHEMERAL):
        for i, each in enumerate(status.get(name) or ()):
            causes += _check_user(each.get("user"), f"status.{name}[{i}].linux", system)
    for name, part in _KINDS:
        causes += _check_devices(status.get(name) or [], spec.get(part) or [], f"status.{name}")
    for i, each in enumerate(status.get(_EPHEMERAL) or ()):
        if each.get("allocatedResourcesStatus"):
            here = f"status.{_EPHEMERAL}[{i}].allocatedResourcesStatus"
            causes.append(field.forbidden(here, "must not be specified in container status"))
    return causes


def _check_user(user: Obj | None, path: str, system: str | None) -> Iterator[Cause]:
    linux = (user or {}).get("linux")
    if linux is None:
        return
    if system == "windows":
        yield field.forbidden(path, "cannot be set for a windows pod")
        return
    values = [(linux.get(name) or 0, f"{path}.{name}") for name in ("uid", "gid")]
    values += [
        (group, f"{path}.supplementalGroups[{i}]") for i, group in enumerate(linux.get("supplementalGroups") or ())
    ]
    for value, here in values:
        if not 0 <= value <= _MAX_ID:
            yield field.invalid(here, value, f"must be between 0 and {_MAX_ID}, inclusive")


def _check_devices(statuses: list[Obj], containers: list[Obj], path: str) -> list[Cause]:
    asked = {each.get("name"): each.get("resources") or {} for each in containers}
    causes: list[Cause] = []
    for i, status in enumerate(statuses):
        here = f"{path}[{i}].allocatedResourcesStatus"
        told = status.get("allocatedResourcesStatus") or []
        for j, resource in enumerate(told):
            causes += _check_device(resource, f"{here}[{j}]", asked.get(status.get("name")))
    return causes


def _check_device(resource: Obj, path: str, asked: Obj | None) -> Iterator[Cause]:
    """Check what is told of one resource of a container that asks for `asked`; of a container that is not known, all is taken."""
    name = resource.get("name") or ""
    if asked is not None and name.startswith(_CLAIM):
        if name not in {_CLAIM + "/".join(filter(None, map(each.get, _PARTS))) for each in asked.get("claims") or ()}:
            yield field.invalid(f"{path}.name", name, _NO_CLAIM)
    elif asked is not None and name not in (asked.get("requests") or {}):
        yield field.invalid(f"{path}.name", name, "must match one of the container's resource requests")
    seen: set[str] = set()
    for k, each in enumerate(resource.get("resources") or ()):
        here, identity = f"{path}.resources[{k}]", each.get("resourceID") or ""
        if each.get("health") not in _HEALTH:
            yield field.not_supported(f"{here}.health", each.get("health") or "", _HEALTH)
        if identity in seen:
            yield field.duplicate(f"{here}.resourceID", identity)
        seen.add(identity)
