"""The devices of a ResourceSlice: their names, attributes, capacities, counters and nodes. Wording is upstream's."""

from __future__ import annotations

import re
from typing import Any

from kubern.api import field, names
from kubern.api.podspec.check_scheduling import check_node_selector
from kubern.api.rules.checks import named
from kubern.api.rules.device_capacities import check_policy
from kubern.api.rules.device_names import bounded, qualified_name
from kubern.api.rules.device_taints import MAX_TAINTS, check_binding, check_taint
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_DEVICES, _MAX_ADVANCED = 128, 64
_MAX_SETS, _MAX_COUNTERS, _MAX_CONSUMED = 8, 32, 2
_MAX_VALUES, _MAX_VALUE = 32, 64
_NUMBER, _PRE = r"(0|[1-9]\d*)", r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRE}(\.{_PRE})*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?", re.ASCII
)
_PLACES = "`nodeName`, `nodeSelector`"


def check_devices(spec: Obj) -> list[Cause]:
    """Return what is wrong with a slice's devices and with the counters that they share."""
    devices, sets = spec.get("devices") or [], spec.get("sharedCounters") or []
    causes = []
    if devices and sets:
        causes.append(field.invalid("spec", "", "only one of `sharedCounters` or `devices` is allowed"))
    advanced = any(each.get("taints") or each.get("consumesCounters") for each in devices)
    placed = bool(spec.get("perDeviceNodeSelection"))
    causes += bounded(
        devices, _MAX_ADVANCED if advanced else _MAX_DEVICES, "spec.devices", lambda d, p: _check(d, p, placed), _name
    )
    return causes + bounded(sets, _MAX_SETS, "spec.sharedCounters", _check_set, _name)


def check_place(holder: Obj, path: str, *, own: bool = False) -> list[Cause]:
    """Return what is wrong with where devices are: on one node, on some, or on all; a device's `own` place has its words."""
    causes: list[Cause] = []
    told = []
    node = holder.get("nodeName")
    if node:
        told.append("`nodeName`")
        causes += named(node, f"{path}.nodeName", names.dns1123_subdomain)
    elif node is not None:
        empty = "must not be empty" if own else "must be either unset or set to a non-empty string"
        causes.append(field.invalid(f"{path}.nodeName", node, empty))
    if holder.get("nodeSelector") is not None:
        told.append("`nodeSelector`")
        causes += _check_selector(holder["nodeSelector"], f"{path}.nodeSelector", own)
    for name in ("allNodes",) if own else ("allNodes", "perDeviceNodeSelection"):
        if holder.get(name):
            told.append(f"`{name}`")
        elif holder.get(name) is not None:
            causes.append(field.invalid(f"{path}.{name}", False, "must be either unset or set to true"))
    return causes + _one_place(told, path, own)


def _check_selector(selector: Obj, path: str, own: bool) -> list[Cause]:
    causes, terms = check_node_selector(selector, path), selector.get("nodeSelectorTerms") or []
    if not own and len(terms) != 1:
        causes.append(field.invalid(f"{path}.nodeSelectorTerms", terms, "must have exactly one node selector term"))
    return causes


def _one_place(told: list[str], path: str, own: bool) -> list[Cause]:
    more, several = ", `allNodes`, `perDeviceNodeSelection` is required", ", but multiple fields are set"
    if own:
        more = ", or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
        several = ""
    message = f"exactly one of {_PLACES}{more}"
    if not told:
        return [field.required(path, message)]
    return [field.invalid(path, f"{{{', '.join(told)}}}", message + several)] if len(told) > 1 else []


def _name(holder: Obj) -> str:
    return holder.get("name") or ""


def _check(device: Obj, path: str, placed: bool) -> list[Cause]:
    causes = named(device.get("name"), f"{path}.name", names.dns1123_label)
    attributes, capacity = device.get("attributes") or {}, device.get("capacity") or {}
    if len(attributes) + len(capacity) > _MAX_VALUES:
        message = f"the total number of attributes and capacities must not exceed {_MAX_VALUES}"
        causes.append(field.invalid(path, len(attributes) + len(capacity), message))
    for name, value in attributes.items():
        causes += qualified_name(name, f"{path}.attributes") + _check_attribute(value, f"{path}.attributes[{name}]")
    several = bool(device.get("allowMultipleAllocations"))
    for name, value in capacity.items():
        causes += qualified_name(name, f"{path}.capacity")
        causes += check_policy(value, f"{path}.capacity[{name}]", several)
    causes += bounded(device.get("taints") or [], MAX_TAINTS, f"{path}.taints", check_taint)
    used = device.get("consumesCounters") or []
    causes += bounded(used, _MAX_CONSUMED, f"{path}.consumesCounters", _check_used, lambda one: one.get("counterSet"))
    if placed:
        causes += check_place(device, path, own=True)
    elif any(device.get(name) is not None for name in ("nodeName", "nodeSelector", "allNodes")):
        message = f"{_PLACES} and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
        causes.append(field.invalid(path, None, message))
    return causes + check_binding(device, path)


def _check_attribute(attribute: Obj, path: str) -> list[Cause]:
    given = [name for name in ("bool", "int", "string", "version") if attribute.get(name) is not None]
    causes: list[Cause] = []
    version = attribute.get("version")
    if version is not None and not _VERSION.fullmatch(version):
        causes.append(
            field.invalid(f"{path}.version", version, "must be a string compatible with semver.org spec 2.0.0")
        )
    for name in ("string", "version"):
        if len((attribute.get(name) or "").encode()) > _MAX_VALUE:
            causes.append(field.too_long(f"{path}.{name}", _MAX_VALUE))
    if len(given) != 1:
        causes.append(field.invalid(path, attribute if given else "", "exactly one value must be specified"))
    return causes


def _check_set(one: Obj, path: str) -> list[Cause]:
    return _counter_name(one.get("name"), f"{path}.name") + _check_counters(one, path)


def _check_used(one: Obj, path: str) -> list[Cause]:
    return _counter_name(one.get("counterSet"), f"{path}.counterSet") + _check_counters(one, path)


def _counter_name(name: Any, path: str) -> list[Cause]:
    return named(name, path, names.dns1123_label) if name else [field.required(path, "")]


def _check_counters(holder: Obj, path: str) -> list[Cause]:
    counters, here = holder.get("counters") or {}, f"{path}.counters"
    if not counters:
        return [field.required(here, "")]
    if len(counters) > _MAX_COUNTERS:
        return [field.too_many(here, len(counters), _MAX_COUNTERS)]
    return [cause for name in counters for cause in named(name, here, names.dns1123_label)]
