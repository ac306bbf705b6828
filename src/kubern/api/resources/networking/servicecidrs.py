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
        return [field.invalid(path, cidrs, "may only hold up to 2 values")]
    networks = [_network(cidr) for cidr in cidrs]
    causes = [field.invalid(f"{path}[{i}]", cidrs[i], _CIDR) for i, net in enumerate(networks) if net is None]
    families = [network.version for network in networks if network is not None]
    if len(families) == 2 and families[0] == families[1]:
        message = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96"
        causes.append(field.invalid(path, cidrs, message))
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the ranges, except that a second family may be added."""
    now, was = at(new, "spec.cidrs") or [], at(old, "spec.cidrs") or []
    if len(was) == 1 and len(now) == 2:
        return immutable(now[0], was[0], "spec.cidrs[0]")
    return immutable(now, was, "spec.cidrs")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text) if "/" in text else None
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
