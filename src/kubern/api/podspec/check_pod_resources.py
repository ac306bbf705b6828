"""Checks of the resources of a pod as a whole against those of its containers. Called by the pod checks; wording is upstream's."""

from __future__ import annotations

from kubern.api import field
from kubern.api.podspec.check_resources import check_resources
from kubern.api.podspec.containers import is_sidecar
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import Quantity, canonical, parse

_SUPPORTED, _HUGE_PAGES = ["cpu", "memory"], "hugepages-"


def check_pod_resources(spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with `resources` of a pod's specification at `path`."""
    resources, here = spec.get("resources"), f"{path}.resources"
    if resources is None:
        return []
    causes: list[Cause] = []
    if resources.get("claims"):
        causes.append(field.forbidden(f"{here}.claims", "claims cannot be set for Resources at pod-level"))
    causes += check_resources(resources, here)
    for kind in ("limits", "requests"):
        for name in resources.get(kind) or ():
            if name not in _SUPPORTED and not name.startswith(_HUGE_PAGES):
                causes.append(field.not_supported(f"{here}.{kind}[{name}]", name, _SUPPORTED))
    return causes + _check_requests(spec, here) + _check_limits(spec, here)


def _check_requests(spec: Obj, path: str) -> list[Cause]:
    """A pod asks for at least what its containers ask for together."""
    own = spec["resources"].get("requests") or {}
    causes: list[Cause] = []
    for name, wanted in sorted(_together(spec).items()):
        asked = own.get(name, "0")
        if wanted > parse(asked) and (name in _SUPPORTED or name.startswith(_HUGE_PAGES)):
            message = f"must be greater than or equal to aggregate container requests of {wanted}"
            causes.append(field.invalid(f"{path}.requests[{name}]", canonical(asked), message))
    return causes


def _check_limits(spec: Obj, path: str) -> list[Cause]:
    """No container may have more than its pod."""
    own = spec["resources"].get("limits") or {}
    causes: list[Cause] = []
    for i, container in enumerate(spec.get("containers") or ()):
        for name, limit in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in own and parse(limit) > parse(own[name]):
                message = f"must be less than or equal to pod limits of {canonical(own[name])}"
                causes.append(field.invalid(f"{path}.containers[{i}][{name}].limits", canonical(limit), message))
    return causes


def _requests(container: Obj) -> dict[str, Quantity]:
    return {name: parse(text) for name, text in ((container.get("resources") or {}).get("requests") or {}).items()}


def _together(spec: Obj) -> dict[str, Quantity]:
    """Return what a pod's containers ask for at their busiest: all that run, or one that starts beside its sidecars."""
    total: dict[str, Quantity] = {}
    for container in spec.get("containers") or ():
        _add(total, _requests(container))
    beside: dict[str, Quantity] = {}
    busiest: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or ():
        asked = _requests(container)
        if is_sidecar(container):
            _add(total, asked)
            _add(beside, asked)
            asked = dict(beside)
        else:
            _add(asked, beside)
        for name, amount in asked.items():
            busiest[name] = max(amount, busiest.get(name, amount))
    for name, amount in busiest.items():
        total[name] = max(amount, total.get(name, amount))
    return total


def _add(total: dict[str, Quantity], more: dict[str, Quantity]) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount
