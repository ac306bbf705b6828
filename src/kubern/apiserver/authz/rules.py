"""What one RBAC rule allows: pure functions. Used by `policy`, `rbac`, `node` and `escalation`.

A rule is compiled once from its `PolicyRule` dict. Source: the Kubernetes documentation, "Using RBAC Authorization".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

from kubern.apiserver.request_info import RequestInfo
from kubern.base.json import Obj


class Rule(NamedTuple):
    """A compiled PolicyRule."""

    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()


def compiled(rules: Iterable[Obj] | None) -> tuple[Rule, ...]:
    """Compile a role's `rules`."""
    return tuple(
        Rule(
            frozenset(rule.get("verbs") or ()),
            frozenset(rule.get("apiGroups") or ()),
            frozenset(rule.get("resources") or ()),
            frozenset(rule.get("resourceNames") or ()),
            tuple(rule.get("nonResourceURLs") or ()),
        )
        for rule in rules or ()
    )


def allows(rule: Rule, info: RequestInfo) -> bool:
    """Return whether the rule allows the request."""
    if info.verb not in rule.verbs and "*" not in rule.verbs:
        return False
    if not info.is_resource:
        return any(_path_matches(path, info.path) for path in rule.paths)
    return (
        (info.group in rule.groups or "*" in rule.groups)
        and _resource_matches(rule.resources, info.resource, info.subresource)
        and (not rule.names or info.name in rule.names)
    )


def covered(held: Sequence[Rule], wanted: Rule) -> bool:
    """Return whether every single right of `wanted` is in `held`."""
    return all(any(_covers(rule, part) for rule in held) for part in _parts(wanted))


def _resource_matches(resources: frozenset[str], resource: str, subresource: str) -> bool:
    """`pods` is not `pods/log`; `*/scale` is the scale of everything; `*` is everything with its subresources."""
    if "*" in resources:
        return True
    if not subresource:
        return resource in resources
    return f"{resource}/{subresource}" in resources or f"*/{subresource}" in resources


def _path_matches(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def _parts(rule: Rule) -> Iterable[RequestInfo]:
    """Yield one request for each single right of a rule; a wildcard stands for itself."""
    for verb, path in product(sorted(rule.verbs), rule.paths):
        yield RequestInfo(False, verb, path)
    names = sorted(rule.names) or [""]
    for verb, group, resource, name in product(sorted(rule.verbs), sorted(rule.groups), sorted(rule.resources), names):
        plain, _, subresource = resource.partition("/")
        yield RequestInfo(True, verb, "", group, "", "", plain, name, subresource)


def _covers(rule: Rule, part: RequestInfo) -> bool:
    """Like `allows`, but a wildcard is covered by a wildcard only, and all names by a rule without names only."""
    if not part.is_resource and part.path.endswith("*"):
        # upstream: a pattern is covered by itself or by a pattern that is its prefix
        return (part.verb in rule.verbs or "*" in rule.verbs) and any(
            path == part.path or (path.endswith("*") and part.path.startswith(path.rstrip("*"))) for path in rule.paths
        )
    return allows(rule, part)
