"""Which IP families a Service has: what its policy, its families and its addresses say together. Pure; error texts are upstream's.

Called by `services` before addresses are taken. What always holds: a Service that nobody touched keeps its families when the cluster
gets a second one or loses it; the first family of a Service never changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubern.api import field
from kubern.apiserver.allocation.holding import NONE, family_of
from kubern.base.errors import Cause
from kubern.base.json import Obj

SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
FAMILIES = ("IPv4", "IPv6")
_POLICY = "spec.ipFamilyPolicy"
_BOTH = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"


def settle_families(spec: Obj, stored: Obj | None, cluster: Sequence[str]) -> list[Cause]:
    """Fill in a Service's policy and families, and cut its addresses to them; returns what does not fit together.

    `stored` is the spec before an update, `cluster` the families that the cluster's ranges have, the default one first."""
    before = stored or {}
    if spec.get("ipFamilyPolicy") == before.get("ipFamilyPolicy") == PREFER and _same(spec, before):
        return []
    free_standing = spec.get("clusterIP") == NONE and not spec.get("selector")
    if not spec.get("ipFamilyPolicy"):
        spec["ipFamilyPolicy"] = before.get("ipFamilyPolicy") or (REQUIRE if free_standing else SINGLE)
    causes = _check_reduction(spec, before) + _check_single(spec) + _infer(spec, cluster)
    if causes:
        return causes
    if not free_standing:
        causes = _check_cluster(spec, cluster)
        if causes:
            return causes
    families: list[str] = spec.get("ipFamilies") or [cluster[0]]
    if len(families) == 1 and spec["ipFamilyPolicy"] != SINGLE and (free_standing or len(cluster) == 2):
        families = [families[0], FAMILIES[families[0] == "IPv4"]]
    spec["ipFamilies"] = families
    return []


def _same(spec: Obj, before: Obj) -> bool:
    return all((spec.get(name) or []) == (before.get(name) or []) for name in ("clusterIPs", "ipFamilies"))


def _check_reduction(spec: Obj, before: Obj) -> list[Cause]:
    """Let go of the second address and family of a Service that is to have one; nothing else may let go of them."""
    causes = []
    for name, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        now, had = spec.get(name) or [], before.get(name) or []
        if spec["ipFamilyPolicy"] == SINGLE:
            if now == had and len(now) > 1:
                spec[name] = now[:1]
        elif now and len(now) == 1 and len(had) == 2:
            causes.append(
                field.invalid(_POLICY, spec["ipFamilyPolicy"], f"must be 'SingleStack' to release the secondary {what}")
            )
    return causes


def _check_single(spec: Obj) -> list[Cause]:
    if spec["ipFamilyPolicy"] != SINGLE:
        return []
    several = (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families"))
    return [
        field.invalid(_POLICY, SINGLE, _BOTH.format(what)) for name, what in several if len(spec.get(name) or []) == 2
    ]


def _infer(spec: Obj, cluster: Sequence[str]) -> list[Cause]:
    """Read families that were not given off the addresses."""
    addresses, families = spec.get("clusterIPs") or [], list(spec.get("ipFamilies") or [])
    causes = []
    for index, address in enumerate(addresses):
        if address == NONE or index < len(families):
            continue
        family = family_of(address)
        if family in cluster:
            families.append(family)
        else:
            message = f"{family} is not configured on this cluster"
            causes.append(field.invalid(f"spec.clusterIPs[{index}]", addresses, message))
    if families:
        spec["ipFamilies"] = families
    return causes


def _check_cluster(spec: Obj, cluster: Sequence[str]) -> list[Cause]:
    causes = []
    if spec["ipFamilyPolicy"] == REQUIRE and len(cluster) < 2:
        causes.append(field.invalid(_POLICY, REQUIRE, "this cluster is not configured for dual-stack services"))
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family not in cluster:
            causes.append(field.invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
    return causes
