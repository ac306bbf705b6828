"""Checks of resource requests and limits, of containers, pods and overhead.

Called by the container checks and by the resources that hold quantities (quotas, limit ranges, claims). Paths and wording
are upstream's. Quantities have been parsed by the time these run: a malformed one was refused as a bad request.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import canonical, parse

CONTAINER_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_OBJECT_COUNTS = (
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims",
    "services.nodeports", "services.loadbalancers",
)  # fmt: skip
STANDARD_RESOURCES = frozenset(
    {
        *CONTAINER_RESOURCES, *_OBJECT_COUNTS, "storage", "requests.cpu", "requests.memory", "requests.storage",
        "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
    }
)  # fmt: skip
_NATIVE_DOMAIN = "kubernetes.io/"
_HUGE_PAGES = "hugepages-"


def check_resources(resources: Obj | None, path: str) -> list[Cause]:
    """Return what is wrong with a container's `resources`."""
    limits = (resources or {}).get("limits") or {}
    requests = (resources or {}).get("requests") or {}
    causes: list[Cause] = []
    for name, quantity in limits.items():
        causes += container_resource(name, quantity, f"{path}.limits[{name}]")
    for name, quantity in requests.items():
        causes += container_resource(name, quantity, f"{path}.requests[{name}]")
        causes += _within_limit(name, quantity, limits, path)
    given = limits.keys() | requests.keys()
    if any(name.startswith("hugepages-") for name in given) and not given & {"cpu", "memory"}:
        causes.append(field.forbidden(path, "HugePages require cpu or memory"))
    return causes


def check_resize_policy(policies: list[Obj], path: str, never: bool) -> list[Cause]:
    """Return what is wrong with `resizePolicy`; `never`: the pod's containers are not started again."""
    causes: list[Cause] = []
    seen: set[str] = set()
    for i, policy in enumerate(policies):
        name, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if name in seen:
            causes.append(field.duplicate(f"{path}[{i}]", name))
        seen.add(name)
        if name not in ("cpu", "memory"):
            causes.append(field.not_supported(path, name, ["cpu", "memory"]) if name else field.required(path))
        if restart not in ("NotRequired", "RestartContainer"):
            supported = ["NotRequired", "RestartContainer"]
            causes.append(field.not_supported(path, restart, supported) if restart else field.required(path))
        if never and restart != "NotRequired":
            message = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            causes.append(field.invalid(path, restart, message))
    return causes


def container_resource(name: str, quantity: Any, path: str) -> list[Cause]:
    """Return what is wrong with one entry of a container's requests or limits."""
    causes = container_resource_name(name, path)
    return causes + check_quantity(name, quantity, path) + _check_pages(name, quantity, path)


def container_resource_name(name: str, path: str) -> list[Cause]:
    """Return what is wrong with the name of what a container may ask for."""
    causes = check_resource_name(name, path)
    if "/" not in name:
        if name not in CONTAINER_RESOURCES and not name.startswith("hugepages-"):
            causes.append(field.invalid(path, name, "must be a standard resource for containers"))
    elif _NATIVE_DOMAIN not in name and not is_extended(name):
        causes.append(field.invalid(path, name, "doesn't follow extended resource name standard"))
    return causes


def _check_pages(name: str, quantity: Any, path: str) -> list[Cause]:
    """Return what is wrong with an amount of huge pages: it is whole pages of the size that the name says."""
    if not name.startswith(_HUGE_PAGES):
        return []
    with suppress(ValueError):
        size = parse(name.removeprefix(_HUGE_PAGES))
        if size > 0 and parse(quantity) % size == 0:
            return []
    shown = canonical(quantity)
    return [field.invalid(path, shown, f"{shown} is not positive integer multiple of {name}")]


def check_resource_name(name: str, path: str) -> list[Cause]:
    """Return what is wrong with a resource's name: a standard one, or one with a domain."""
    causes = [field.invalid(path, name, message) for message in names.qualified_name(name)]
    if not causes and "/" not in name and not is_standard(name):
        causes.append(field.invalid(path, name, "must be a standard resource type or fully qualified"))
    return causes


def check_quantity(name: str, quantity: Any, path: str) -> list[Cause]:
    """Return what is wrong with an amount of a resource: negative, or a fraction of what comes whole."""
    amount = parse(quantity)
    causes: list[Cause] = []
    if amount < 0:
        causes.append(field.invalid(path, canonical(quantity), "must be greater than or equal to 0"))
    if (name in _OBJECT_COUNTS or is_extended(name)) and amount % 1:
        causes.append(field.invalid(path, quantity, "must be an integer"))
    return causes


def is_standard(name: str) -> bool:
    """Tell whether a name without a domain is one that upstream knows."""
    return name in STANDARD_RESOURCES or name.startswith(("hugepages-", "requests.hugepages-"))


def is_extended(name: str) -> bool:
    """Tell whether a name is an extended resource's: with a domain that is not kubernetes.io, and not a quota's name."""
    return "/" in name and _NATIVE_DOMAIN not in name and not name.startswith("requests.")


def may_overcommit(name: str) -> bool:
    """Tell whether a limit of the resource may exceed its request: not for huge pages, and not for extended resources."""
    return ("/" not in name or _NATIVE_DOMAIN in name) and not name.startswith("hugepages-")


def _within_limit(name: str, quantity: Any, limits: Obj, path: str) -> list[Cause]:
    overcommit = may_overcommit(name)
    if name not in limits:
        missing = "Limit must be set for non overcommitable resources"
        return [] if overcommit else [field.required(f"{path}.limits", missing)]
    asked, limit = parse(quantity), parse(limits[name])
    if asked != limit and not overcommit:
        relation = "equal to"
    elif asked > limit:
        relation = "less than or equal to"
    else:
        return []
    message = f"must be {relation} {name} limit of {canonical(limits[name])}"
    return [field.invalid(f"{path}.requests", canonical(quantity), message)]
