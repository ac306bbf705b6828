"""An audit policy (audit.k8s.io/v1): how much of which requests is written down. The first rule that matches decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from kubern.apiserver.identity import User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.json import Obj

LEVELS = ("None", "Metadata", "Request", "RequestResponse")
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
_LISTS = ("users", "userGroups", "verbs", "namespaces", "nonResourceURLs", "omitStages")


class Verdict(NamedTuple):
    """What is written of a request: the level as its number, the stages that are left out, and whether managedFields are."""

    level: int = 0
    omitted: frozenset[str] = frozenset()
    omit_managed_fields: bool = False


class Rule(NamedTuple):
    """One rule; an empty list matches everything."""

    verdict: Verdict
    given: Obj

    def matches(self, user: User, info: RequestInfo) -> bool:
        """Whether the rule is about a request of a user."""
        given = self.given
        users, groups, verbs = (given.get(key) for key in ("users", "userGroups", "verbs"))
        if users and user.name not in users:
            return False
        if groups and not any(group in groups for group in user.groups):
            return False
        if verbs and info.verb not in verbs:
            return False
        if not info.is_resource:
            urls = given.get("nonResourceURLs")
            return _some_url(urls, info.path) if urls else not (given.get("resources") or given.get("namespaces"))
        if given.get("namespaces") and info.namespace not in given["namespaces"]:
            return False
        if given.get("resources"):
            return any(_means(group, info) for group in given["resources"])
        return not given.get("nonResourceURLs")


def parse(text: bytes) -> tuple[Rule, ...]:
    """Return the rules of a policy. Raises `ValueError` that names the field."""
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"the audit policy is no YAML: {error}") from error
    if not isinstance(given, dict) or given.get("kind") != "Policy" or given.get("apiVersion") != "audit.k8s.io/v1":
        raise ValueError("the audit policy must be of kind Policy and apiVersion audit.k8s.io/v1")
    rules = given.get("rules")
    if not isinstance(rules, list) or not rules:
        raise ValueError("rules: Required value: an audit policy needs at least one rule")
    everywhere = frozenset(_stages(given.get("omitStages") or (), "omitStages"))
    strip = given.get("omitManagedFields") is True
    return tuple(_rule(rule, everywhere, strip, f"rules[{index}]") for index, rule in enumerate(rules))


def judge(rules: Sequence[Rule], user: User, info: RequestInfo) -> Verdict:
    """Return what the policy says of a request; nothing is written of one that no rule matches."""
    return next((rule.verdict for rule in rules if rule.matches(user, info)), Verdict())


def _rule(given: Any, everywhere: frozenset[str], strip: bool, path: str) -> Rule:
    if not isinstance(given, dict):
        raise ValueError(f"{path}: Invalid value: must be an object")
    level = given.get("level")
    if level not in LEVELS:
        raise ValueError(f"{path}.level: Unsupported value: {level!r}: supported values: {', '.join(LEVELS)}")
    for key in _LISTS:
        if not _strings(given.get(key)):
            raise ValueError(f"{path}.{key}: Invalid value: must be a list of strings")
    if given.get("nonResourceURLs") and (given.get("resources") or given.get("namespaces")):
        raise ValueError(
            f"{path}.nonResourceURLs: Invalid value: rules cannot apply to both regular resources and non-resource URLs"
        )
    for index, url in enumerate(given.get("nonResourceURLs") or ()):
        if (url != "*" and not url.startswith("/")) or "*" in url[:-1]:
            raise ValueError(
                f"{path}.nonResourceURLs[{index}]: Invalid value: {url!r}: must begin with / and may end with *"
            )
    for index, group in enumerate(given.get("resources") or ()):
        if (
            not isinstance(group, dict)
            or not _strings(group.get("resources"))
            or not _strings(group.get("resourceNames"))
        ):
            raise ValueError(
                f"{path}.resources[{index}]: Invalid value: must have a group, resources and resourceNames"
            )
    omitted = everywhere | frozenset(_stages(given.get("omitStages") or (), f"{path}.omitStages"))
    own = given.get("omitManagedFields")
    return Rule(Verdict(LEVELS.index(level), omitted, strip if own is None else own is True), given)


def _stages(stages: Any, path: str) -> Sequence[str]:
    for stage in stages:
        if stage not in STAGES:
            raise ValueError(f"{path}: Unsupported value: {stage!r}: supported values: {', '.join(STAGES)}")
    return tuple(stages)


def _strings(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _some_url(urls: Sequence[str], path: str) -> bool:
    return any(url == "*" or url == path or (url.endswith("*") and path.startswith(url[:-1])) for url in urls)


def _means(group: Obj, info: RequestInfo) -> bool:
    if (group.get("group") or "") != info.group:
        return False
    names = group.get("resourceNames")
    if names and info.name not in names:
        return False
    wanted = group.get("resources")
    asked = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    return not wanted or any(
        one in ("*", asked) or (info.subresource and one in (f"*/{info.subresource}", f"{info.resource}/*"))
        for one in wanted
    )
