"""Checks of a Service's own addresses and their families. Called by the checks of Services; paths and wording are upstream's."""

from __future__ import annotations

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj

_FAMILIES = ("IPv4", "IPv6")
_POLICIES = ["PreferDualStack", "RequireDualStack", "SingleStack"]
_ONCE = "may not change once set"


def check_cluster_addresses(spec: Obj) -> list[Cause]:
    """Return what is wrong with the addresses in the cluster and their families."""
    single, several = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    causes: list[Cause] = []
    if single and not several:
        causes.append(field.required("spec.clusterIPs"))
    elif single and several[0] != single:
        causes.append(field.invalid("spec.clusterIPs", several, "first value must match `clusterIP`"))
    elif several and not single:
        causes.append(field.invalid("spec.clusterIPs", several, "must be empty when `clusterIP` is not specified"))
    causes += _check_families(spec)
    wrong = _check_each(several)
    causes += wrong
    if len(several) > 2:
        causes.append(field.invalid("spec.clusterIPs", several, "may only hold up to 2 values"))
    return causes if wrong else causes + _check_stacks(several, spec.get("ipFamilies") or [])


def _check_families(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    families, policy = spec.get("ipFamilies") or [], spec.get("ipFamilyPolicy")
    for i, family in enumerate(families):
        if family not in _FAMILIES:
            causes.append(field.not_supported(f"spec.ipFamilies[{i}]", family, _FAMILIES))
        if family in families[:i]:
            causes.append(field.duplicate(f"spec.ipFamilies[{i}]", family))
    if policy is not None and policy not in _POLICIES:
        causes.append(field.not_supported("spec.ipFamilyPolicy", policy, _POLICIES))
    return causes


def _check_each(several: list[str]) -> list[Cause]:
    causes: list[Cause] = []
    for i, address in enumerate(several):
        if i == 0 and address == "None":
            if len(several) > 1:
                message = "'None' must be the first and only value"
                causes.append(field.invalid("spec.clusterIPs", several, message))
            continue
        causes += [field.invalid(f"spec.clusterIPs[{i}]", address, message) for message in names.ip_address(address)]
    return causes


def _check_stacks(several: list[str], families: list[str]) -> list[Cause]:
    causes: list[Cause] = []
    if len(several) > 1 and len({":" in address for address in several}) < 2:
        message = "may specify no more than one IP for each IP family"
        causes.append(field.invalid("spec.clusterIPs", several, message))
    if several == ["None"]:
        return causes
    for i, (address, family) in enumerate(zip(several, families, strict=False)):
        if family in _FAMILIES and (family == "IPv6") != (":" in address):
            message = f"expected an {family} value as indicated by `ipFamilies[{i}]`"
            causes.append(field.invalid(f"spec.clusterIPs[{i}]", address, message))
    return causes


def check_address_update(fresh: Obj, stored: Obj) -> list[Cause]:
    """Return what an update may not do to addresses and families: the first stay, the second go with a policy that says so."""
    if "ExternalName" in (fresh.get("type"), stored.get("type")):
        return []
    now, before = fresh.get("clusterIPs") or [], stored.get("clusterIPs") or []
    bare, was_bare = now == ["None"], before == ["None"]
    causes = [] if bare and was_bare else _check_kept(now, before, fresh.get("ipFamilyPolicy"))
    if bare or was_bare:
        return causes
    return causes + _check_families_kept(fresh, stored.get("ipFamilies") or [])


def _check_kept(now: list[str], before: list[str], policy: str | None) -> list[Cause]:
    path = "spec.clusterIPs"
    if len(now) == len(before):
        changed = [i for i, (one, other) in enumerate(zip(now, before, strict=True)) if one != other]
        return [field.invalid(f"{path}[{i}]", now, _ONCE) for i in changed]
    causes: list[Cause] = []
    if before and not now:
        causes.append(field.invalid(f"{path}[0]", now, "primary clusterIP can not be unset"))
    elif before and now[0] != before[0]:
        causes.append(field.invalid(f"{path}[0]", now, _ONCE))
    if len(before) > len(now) == 1 and policy != "SingleStack":
        message = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        causes.append(field.invalid("spec.ipFamilyPolicy", policy, message))
    return causes


def _check_families_kept(fresh: Obj, before: list[str]) -> list[Cause]:
    now, path, policy = fresh.get("ipFamilies") or [], "spec.ipFamilies[0]", fresh.get("ipFamilyPolicy")
    if len(now) == len(before):
        return [field.invalid(path, now, _ONCE) for one, other in zip(now, before, strict=True) if one != other]
    causes: list[Cause] = []
    if before and not now:
        causes.append(field.invalid(path, now, "primary ipFamily can not be unset"))
    elif before and now[0] != before[0]:
        causes.append(field.invalid(path, fresh.get("clusterIPs") or [], _ONCE))  # upstream shows the addresses
    if len(before) > len(now) == 1 and policy != "SingleStack":
        message = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        causes.append(field.invalid("spec.ipFamilyPolicy", policy, message))
    return causes
