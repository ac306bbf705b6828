"""ServiceCIDR: its facts, checks and columns."""

from __future__ import annotations

import ipaddress

from kubern.api import field
from kubern.api.resource import STATUS, Column, OtherVersion, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable
from kubern.api.rules.values import at
from kubern.base.errors import Cause
from kubern.base.json import Obj

_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ServiceCIDR."""
    cidrs, path = at(obj, "spec.cidrs") or [], "spec.cidrs"
    if not cidrs:
        return [field.required(path, "at least one CIDR required")]
    if len(cidrs) > 2:
        return [field.invalid(path, obj["spec"], "may only hold up to 2 values")]
    networks = [_network(cidr) for cidr in cidrs]
    causes = [cause for i, cidr in enumerate(cidrs) for cause in _check_form(cidr, networks[i], f"{path}[{i}]")]
    families = [network.version for network in networks if network is not None]
    if len(families) == 2 and families[0] == families[1]:
        message = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        causes.append(field.invalid(path, cidrs, message))
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the ranges, except that a second family may be added."""
    now, was = at(new, "spec.cidrs") or [], at(old, "spec.cidrs") or []
    if len(was) == 1 and len(now) == 2:
        return immutable(now[0], was[0], "spec.cidrs[0]")
    if len(was) != len(now):
        return immutable(now, was, "spec.cidrs")
    return [
        cause
        for i, (new_, old_) in enumerate(zip(now, was, strict=True))
        for cause in immutable(new_, old_, f"spec.cidrs[{i}]")
    ]


def _check_form(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network | None, path: str) -> list[Cause]:
    """Check that a range is written as such, and in the one form that it has."""
    if network is None:
        return [field.invalid(path, text, _CIDR)]
    if ipaddress.ip_interface(text).ip != network.network_address:
        return [field.invalid(path, text, "must not have bits set beyond the prefix length")]
    return [] if str(network) == text else [field.invalid(path, text, f'must be in canonical form ("{network}")')]


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("CIDRs", lambda obj: ",".join(at(obj, "spec.cidrs") or ()), "The ranges of Service addresses."),
    cells.AGE,
)


RESOURCE = Resource(
    group="networking.k8s.io",
    version="v1",
    kind="ServiceCIDR",
    plural="servicecidrs",
    singular="servicecidr",
    namespaced=False,
    schema="io.k8s.api.networking.v1.ServiceCIDR",
    other_versions=(OtherVersion("v1beta1", "io.k8s.api.networking.v1beta1.ServiceCIDR"),),
    subresources=(STATUS,),
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
)
