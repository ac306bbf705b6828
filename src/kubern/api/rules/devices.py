"""Requests for devices (resource.k8s.io): the defaults and checks that claims and their templates share, and v1beta1's older form.

v1beta1 wrote one request's fields beside its name where newer versions have `exactly`, and a slice's devices below `basic`.
What always holds: converting there and back gives the same object.
"""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.rules.checks import named
from kubern.api.rules.device_config import MAX_CONFIG, check_config
from kubern.api.rules.device_names import Check, bounded, fully_qualified_name
from kubern.api.rules.device_selectors import check_selectors
from kubern.api.rules.device_taints import MAX_TOLERATIONS, check_toleration
from kubern.api.rules.values import fill, fill_empty, items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_EXACT = ("deviceClassName", "selectors", "allocationMode", "count", "adminAccess", "tolerations", "capacity")
_MODES = ("All", "ExactCount")
_MAX_REQUESTS, _MAX_CONSTRAINTS, _MAX_CHOICES = 32, 32, 8


def default_requests(spec: Obj) -> None:
    """Fill the requests of a claim's specification: one device each."""
    for _, request in items(spec, "devices.requests"):
        wanted = [request["exactly"]] if request.get("exactly") is not None else []
        for each in wanted + (request.get("firstAvailable") or []):
            _default_request(each)


def _default_request(request: Obj) -> None:
    fill_empty(request, allocationMode="ExactCount")
    if request["allocationMode"] == "ExactCount":
        fill_empty(request, count=1)
    for toleration in request.get("tolerations") or ():
        fill(toleration, operator="Equal")


def check_requests(spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with the requests, constraints and configurations of a claim's specification."""
    devices, here = part(spec, "devices"), f"{path}.devices"
    reference = request_reference(spec)

    def check_constraint(constraint: Obj, at_: str) -> list[Cause]:
        return _check_references(constraint, at_, reference) + _check_attribute(constraint, at_)

    def check_one_config(config: Obj, at_: str) -> list[Cause]:
        return _check_references(config, at_, reference) + check_config(config, at_)

    causes = bounded(devices.get("requests") or [], _MAX_REQUESTS, f"{here}.requests", _check_request, _name)
    causes += bounded(devices.get("constraints") or [], _MAX_CONSTRAINTS, f"{here}.constraints", check_constraint)
    return causes + bounded(devices.get("config") or [], MAX_CONFIG, f"{here}.config", check_one_config)


def request_reference(spec: Obj) -> Check:
    """Return the check of a request's name, or that of one of its choices (`a/b`), as constraints and allocations give it."""
    known: set[str] = set()
    for _, request in items(spec, "devices.requests"):
        name = _name(request)
        known |= {name, *(f"{name}/{_name(each)}" for each in request.get("firstAvailable") or ())}
    message = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"

    def check(name: str, path: str) -> list[Cause]:
        parts = name.split("/")
        causes = [cause for part in parts for cause in named(part, path, names.dns1123_label)] if len(parts) < 3 else []
        return causes if name in known else [*causes, field.invalid(path, name, message)]

    return check


def _name(request: Obj) -> str:
    return request.get("name") or ""


def _check_references(one: Obj, path: str, reference: Check) -> list[Cause]:
    return bounded(one.get("requests") or [], _MAX_REQUESTS, f"{path}.requests", reference, str)


def _check_attribute(constraint: Obj, path: str) -> list[Cause]:
    for name in ("matchAttribute", "distinctAttribute"):
        if constraint.get(name) is not None:
            return fully_qualified_name(constraint[name], f"{path}.{name}")
    message = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
    return [field.required(path, message)]


def _check_request(request: Obj, path: str) -> list[Cause]:
    causes = named(request.get("name"), f"{path}.name", names.dns1123_label)
    exactly, first = request.get("exactly"), request.get("firstAvailable")
    one = "exactly one of `exactly` or `firstAvailable` is required"
    if exactly is not None and first:
        return [*causes, field.invalid(path, None, f"{one}, but multiple fields are set")]
    if exactly is not None:
        return causes + _check_exact(exactly, f"{path}.exactly")
    if not first:
        return [*causes, field.required(path, one)]
    return causes + bounded(first, _MAX_CHOICES, f"{path}.firstAvailable", _check_choice, _name)


def _check_choice(request: Obj, path: str) -> list[Cause]:
    return named(request.get("name"), f"{path}.name", names.dns1123_label) + _check_exact(request, path)


def _check_exact(request: Obj, path: str) -> list[Cause]:
    device_class, here = request.get("deviceClassName") or "", f"{path}.deviceClassName"
    if device_class:
        causes = named(device_class, here, names.dns1123_subdomain)
    else:
        causes = [field.required(here, "")]
    causes += check_selectors(request.get("selectors") or [], f"{path}.selectors")
    mode, count = request.get("allocationMode") or "", request.get("count") or 0
    if mode not in _MODES:
        causes.append(field.not_supported(f"{path}.allocationMode", mode, _MODES))
    if mode == "ExactCount" and count <= 0:
        causes.append(field.invalid(f"{path}.count", count, "must be greater than zero"))
    if mode == "All" and count:
        causes.append(field.invalid(f"{path}.count", count, "must not be specified when allocationMode is 'All'"))
    tolerations = request.get("tolerations") or []
    return causes + bounded(tolerations, MAX_TOLERATIONS, f"{path}.tolerations", check_toleration)


def requests_from_v1beta1(spec: Obj) -> None:
    """Gather a v1beta1 request's own fields below `exactly`."""
    for _, request in items(spec, "devices.requests"):
        exactly = {name: request.pop(name) for name in _EXACT if name in request}
        if exactly:
            request["exactly"] = exactly


def requests_to_v1beta1(spec: Obj) -> None:
    """Spread `exactly` beside the request's name."""
    for _, request in items(spec, "devices.requests"):
        request.update(request.pop("exactly", None) or {})


def slice_from_v1beta1(obj: Obj) -> None:
    """Lift a v1beta1 slice's devices out of `basic`."""
    for _, device in items(obj, "spec.devices"):
        device.update(device.pop("basic", None) or {})


def slice_to_v1beta1(obj: Obj) -> None:
    """Put a slice's devices below `basic`."""
    for _, device in items(obj, "spec.devices"):
        device["basic"] = {name: device.pop(name) for name in [name for name in device if name != "name"]}


def claim_from_v1beta1(obj: Obj) -> None:
    """Turn a v1beta1 ResourceClaim into the stored form."""
    requests_from_v1beta1(part(obj, "spec"))


def claim_to_v1beta1(obj: Obj) -> None:
    """Turn a stored ResourceClaim into v1beta1."""
    requests_to_v1beta1(part(obj, "spec"))


def template_from_v1beta1(obj: Obj) -> None:
    """Turn a v1beta1 ResourceClaimTemplate into the stored form."""
    requests_from_v1beta1(part(obj, "spec.spec"))


def template_to_v1beta1(obj: Obj) -> None:
    """Turn a stored ResourceClaimTemplate into v1beta1."""
    requests_to_v1beta1(part(obj, "spec.spec"))
