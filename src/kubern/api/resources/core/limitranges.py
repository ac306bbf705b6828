"""LimitRange: bounds and defaults for what each container, pod or claim of a namespace may ask for."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.podspec.check_resources import check_resource_name, container_resource_name, may_overcommit
from kubern.api.resource import Resource
from kubern.api.rules.cells import CREATED_AT, NAME
from kubern.api.rules.quantities import store_maps, stored
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import Quantity, canonical, parse

_BOUNDS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def _default(limits: Obj) -> None:
    for item in (limits.get("spec") or {}).get("limits") or ():
        store_maps(item, *_BOUNDS)
        if item.get("type") == "Container":
            _default_container(item)


def _default_container(item: Obj) -> None:
    """A container's default limit is the most it may have; its default request the default limit, or the least."""
    default = {**(item.get("max") or {}), **(item.get("default") or {})}
    request = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
    for name, values in (("default", default), ("defaultRequest", request)):
        if values:
            item[name] = {key: stored(value) for key, value in values.items()}


def _validate(limits: Obj) -> list[Cause]:
    causes: list[Cause] = []
    taken: set[str] = set()
    for i, item in enumerate((limits.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{i}]", item.get("type") or ""
        causes += _check_kind(kind, f"{path}.type")
        if kind in taken:
            causes.append(field.duplicate(f"{path}.type", kind))
        taken.add(kind)
        causes += _check_shape(item, kind, path)
        for name in dict.fromkeys(name for bound in _BOUNDS for name in item.get(bound) or ()):
            causes += _check_bounds(item, name, path)
    return causes


def _check_kind(kind: str, path: str) -> list[Cause]:
    causes = [field.invalid(path, kind, message) for message in names.qualified_name(kind)]
    if not causes and "/" not in kind and kind not in ("Pod", "Container", "PersistentVolumeClaim"):
        causes.append(field.invalid(path, kind, "must be a standard limit type or fully qualified"))
    return causes


def _check_shape(item: Obj, kind: str, path: str) -> list[Cause]:
    causes = _check_names(item, kind, path, ("max", "min"))
    if kind == "Pod":
        for name in ("default", "defaultRequest"):
            if item.get(name):
                causes.append(field.forbidden(f"{path}.{name}", "may not be specified when `type` is 'Pod'"))
    else:
        causes += _check_names(item, kind, path, ("default", "defaultRequest"))
    if kind == "PersistentVolumeClaim" and not any("storage" in (item.get(name) or {}) for name in ("min", "max")):
        message = "either minimum or maximum storage value is required, but neither was provided"
        causes.append(field.required(f"{path}.limits", message))
    return causes + _check_names(item, kind, path, ("maxLimitRequestRatio",))


def _check_names(item: Obj, kind: str, path: str, bounds: tuple[str, ...]) -> list[Cause]:
    """Check the names of what is bounded: for containers and pods, what containers may ask for."""
    check = container_resource_name if kind in ("Pod", "Container") else check_resource_name
    return [
        cause for bound in bounds for name in item.get(bound) or () for cause in check(name, f"{path}.{bound}[{name}]")
    ]


# of which bound it is said, which is shown, which may not be above which, and how the two are called
_ORDERS = (
    ("min", "min", "min", "max", "min", "max"),
    ("defaultRequest", "defaultRequest", "min", "defaultRequest", "min", "default request"),
    ("defaultRequest", "defaultRequest", "defaultRequest", "max", "default request", "max"),
    ("defaultRequest", "defaultRequest", "defaultRequest", "default", "default request", "default limit"),
    ("default", "min", "min", "default", "min", "default"),
    ("default", "max", "default", "max", "default", "max"),
)


def _check_bounds(item: Obj, name: str, path: str) -> list[Cause]:
    """Least, default request, default and most must not cross."""
    bounds = [bound for bound in _BOUNDS if item.get("type") != "Pod" or bound not in ("default", "defaultRequest")]
    given = {bound: parse(item[bound][name]) for bound in bounds if name in (item.get(bound) or {})}
    shown = {bound: canonical(item[bound][name]) for bound in given}
    causes: list[Cause] = []
    for bound, seen, low, high, low_word, high_word in _ORDERS:
        if low in given and high in given and given[low] > given[high]:
            message = f"{low_word} value {shown[low]} is greater than {high_word} value {shown[high]}"
            causes.append(field.invalid(f"{path}.{bound}[{name}]", shown[seen], message))
    causes += _check_ratio(given, shown, f"{path}.maxLimitRequestRatio[{name}]")
    if (
        not may_overcommit(name)
        and "default" in given
        and given["default"] != given.get("defaultRequest", given["default"])
    ):
        request = shown["defaultRequest"]
        message = f"default value {shown['default']} must equal to defaultRequest value {request} in {name}"
        causes.append(field.invalid(f"{path}.defaultRequest[{name}]", request, message))
    return causes


def _check_ratio(given: dict[str, Quantity], shown: dict[str, str], path: str) -> list[Cause]:
    """How far a limit may exceed its request: at least not below it, and not so far that no two bounds are that far apart."""
    ratio = given.get("maxLimitRequestRatio")
    if ratio is None:
        return []
    text = shown["maxLimitRequestRatio"]
    causes = [field.invalid(path, text, f"ratio {text} is less than 1")] if ratio < 1 else []
    if given.get("min") and "max" in given:
        widest = float(given["max"]) / float(given["min"])
        if float(ratio) > widest:
            causes.append(field.invalid(path, text, f"ratio {text} is greater than max/min = {widest:f}"))
    return causes


RESOURCE = Resource(
    group="",
    version="v1",
    kind="LimitRange",
    plural="limitranges",
    singular="limitrange",
    namespaced=True,
    schema="io.k8s.api.core.v1.LimitRange",
    short_names=("limits",),
    columns=(NAME, CREATED_AT),
    default=_default,
    validate=_validate,
)
