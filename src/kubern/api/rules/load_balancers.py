"""The points at which a load balancer is reached, in the status of Ingresses and Services. Wording is upstream's."""

from __future__ import annotations

import ipaddress

from kubern.api import field, names
from kubern.api.rules.checks import named
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MODES = ("Proxy", "VIP")


def check_points(points: list[Obj], *, modes: bool) -> list[Cause]:
    """Return what is wrong with `status.loadBalancer.ingress`; a Service's points say by `ipMode` what becomes of packets."""
    return [
        cause for i, point in enumerate(points) for cause in _check(point, f"status.loadBalancer.ingress[{i}]", modes)
    ]


def _check(point: Obj, path: str, modes: bool) -> list[Cause]:
    address, host = point.get("ip") or "", point.get("hostname") or ""
    causes = named(address, f"{path}.ip", names.ip_address) if address else []
    if modes:
        causes += _check_mode(point.get("ipMode"), bool(address), f"{path}.ipMode")
    if host:
        causes += named(host, f"{path}.hostname", names.dns1123_subdomain)
        if is_address(host):
            causes.append(field.invalid(f"{path}.hostname", host, "must be a DNS name, not an IP address"))
    return causes


def _check_mode(mode: str | None, address: bool, path: str) -> list[Cause]:
    if mode is None:
        return [field.required(path, "must be specified when `ip` is set")] if address else []
    if not address:
        return [field.forbidden(path, "may not be specified when `ip` is not set")]
    return [] if mode in _MODES else [field.not_supported(path, mode, _MODES)]


def is_address(text: str) -> bool:
    """Whether a text is an address and so no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
