"""Requests for devices (resource.k8s.io): the defaults and checks that claims and their templates share, and v1beta1's older form.

v1beta1 wrote one request's fields beside its name where newer versions have `exactly`, and a slice's devices below `basic`.
What always holds: converting there and back gives the same object.
"""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.rules.checks import named, one_of
from kubern.api.rules.device_selectors import check_selectors
from kubern.api.rules.values import at, fill, fill_empty, items, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_EXACT = ("deviceClassName", "selectors", "allocationMode", "count", "adminAccess", "tolerations", "capacity")
_MODES = ("All", "ExactCount")
_MAX_REQUESTS = 32


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
    """Return what is wrong with the requests of a claim's specification."""
    requests, here = at(spec, "devices.requests") or [], f"{path}.devices.requests"
    causes = [field.too_many(here, len(requests), _MAX_REQUESTS)] if len(requests) > _MAX_REQUESTS else []
    seen = set()
    for i, request in enumerate(requests):
        name = request.get("name") or ""
        causes += _check_request(request, f"{here}[{i}]")
        if name in seen:
            causes.append(field.duplicate(f"{here}[{i}].name", name))
        seen.add(name)
    return causes + _check_references(spec, path)


def _check_references(spec: Obj, path: str) -> list[Cause]:
    """Return a cause for each name of a constraint or configuration that is no request's."""
    known: set[str] = set()
    for _, request in items(spec, "devices.requests"):
        name = request.get("name") or ""
        known |= {name, *(f"{name}/{each.get('name') or ''}" for each in request.get("firstAvailable") or ())}
    message = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
    return [
        field.invalid(f"{path}.devices.{kind}[{i}].requests[{j}]", name, message)
        for kind in ("constraints", "config")
        for i, one in items(spec, f"devices.{kind}")
        for j, name in items(one, "requests")
        if name not in known
    ]


def _check_request(request: Obj, path: str) -> list[Cause]:
    causes = named(request.get("name"), f"{path}.name", names.dns1123_label)
    exactly, first = request.get("exactly"), request.get("firstAvailable")
    if exactly is not None and first:
        return [
            *causes,
            field.invalid(
                path,
                field.OMITTED,
                "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
            ),
        ]
    if exactly is None and not first:
        return [*causes, field.required(path, "exactly one of `exactly` or `firstAvailable` is required")]
    if exactly is not None:
        return causes + _check_exact(exactly, f"{path}.exactly")
    for i, each in items(request, "firstAvailable"):
        causes += named(each.get("name"), f"{path}.firstAvailable[{i}].name", names.dns1123_label)
        causes += _check_exact(each, f"{path}.firstAvailable[{i}]")
    return causes


def _check_exact(request: Obj, path: str) -> list[Cause]:
    device_class, here = request.get("deviceClassName") or "", f"{path}.deviceClassName"
    if device_class:
        causes = named(device_class, here, names.dns1123_subdomain)
    else:
        causes = [field.required(here, "")]
    causes += check_selectors(request.get("selectors") or [], f"{path}.selectors")
    causes += one_of(request, "allocationMode", f"{path}.", _MODES)
    count = request.get("count") or 0
    if request.get("allocationMode") == "ExactCount" and count <= 0:
        causes.append(field.invalid(f"{path}.count", count, "must be greater than zero"))
    if request.get("allocationMode") == "All" and count:
        causes.append(field.invalid(f"{path}.count", count, "must not be specified when allocationMode is 'All'"))
    return causes


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
