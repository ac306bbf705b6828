"""Checks of a pod's resource claims, and of the containers that use them. Called by the pod checks; wording is upstream's."""

from __future__ import annotations

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj

_SOURCES = ("resourceClaimName", "resourceClaimTemplateName")


def check_pod_claims(claims: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with `resourceClaims`."""
    causes: list[Cause] = []
    taken: set[str] = set()
    for i, claim in enumerate(claims):
        here, name = f"{path}[{i}]", claim.get("name") or ""
        if not name:
            causes.append(field.required(f"{here}.name"))
        elif name in taken:
            causes.append(field.duplicate(f"{here}.name", name))
        else:
            causes += [field.invalid(f"{here}.name", name, message) for message in names.dns1123_label(name)]
        taken.add(name)
        causes += _check_source(claim, here)
    return causes


def _check_source(claim: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    given = [name for name in _SOURCES if claim.get(name) is not None]
    if len(given) > 1:
        message = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
        causes.append(field.invalid(path, claim, message))
    if not given:
        message = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
        causes.append(field.invalid(path, claim, message))
    for name in given:
        value = claim[name]
        causes += [field.invalid(f"{path}.{name}", value, message) for message in names.dns1123_subdomain(value)]
    return causes


def check_used_claims(used: list[Obj], known: frozenset[str], path: str) -> list[Cause]:
    """Return what is wrong with the `claims` of a container, given the names of the pod's."""
    causes: list[Cause] = []
    taken: set[str] = set()
    for i, claim in enumerate(used):
        here, name, request = f"{path}[{i}]", claim.get("name") or "", claim.get("request") or ""
        if not name:
            causes.append(field.required(here))
            continue
        causes += _check_used(name, request, here, taken)
        if name not in known:
            listed = f": {', '.join(sorted(known))}" if known else " which is empty"
            unknown = field.not_found(here, name)
            detail = f"{unknown.message}: must be one of the names in pod.spec.resourceClaims{listed}"
            causes.append(unknown._replace(message=detail))
    return causes


def _check_used(name: str, request: str, path: str, taken: set[str]) -> list[Cause]:
    """Check one claim or request of a claim against those used before it: a claim stands for all of its requests."""
    if name in taken:
        return [field.duplicate(path, name)]
    key = f"{name}/{request}" if request else name
    causes = [field.invalid(f"{path}.request", request, m) for m in names.dns1123_label(request) if request]
    if key in taken:
        causes.append(field.duplicate(path, key))
    elif not request:
        causes += [field.duplicate(path, name) for other in taken if other.partition("/")[0] == name]
    taken.add(key)
    return causes
