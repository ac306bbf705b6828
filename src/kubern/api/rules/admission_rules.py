"""Which requests an admission webhook or policy is asked about: the defaults and checks of rules and match conditions."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.rules.checks import given, named
from kubern.api.rules.values import fill, fill_empty, items
from kubern.api.selectors import check_label_selector
from kubern.base.errors import Cause
from kubern.base.json import Obj

OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
SCOPES = ("*", "Cluster", "Namespaced")
MATCH_POLICIES = ("Equivalent", "Exact")
FAILURE_POLICIES = ("Fail", "Ignore")
_MAX_CONDITIONS = 64
_PLURALS = {"operations": "operations", "apiGroups": "API groups", "apiVersions": "API versions"}


def default_rules(rules: list[Obj] | None) -> None:
    """Fill rules: they are for objects of any scope."""
    for rule in rules or ():
        fill(rule, scope="*")


def default_match(resources: Obj) -> None:
    """Fill what a policy or its binding matches: every namespace and object, in equivalent versions too."""
    fill_empty(resources, matchPolicy="Equivalent")
    fill(resources, namespaceSelector={}, objectSelector={})
    default_rules(resources.get("resourceRules"))
    default_rules(resources.get("excludeResourceRules"))


def check_match(resources: Obj, path: str) -> list[Cause]:
    """Return what is wrong with what a policy or its binding matches."""
    causes = check_selectors(resources, path)
    for name in ("resourceRules", "excludeResourceRules"):
        for i, rule in items(resources, name):
            causes += _check_names(rule.get("resourceNames") or [], f"{path}.{name}[{i}].resourceNames")
            causes += check_rule(rule, f"{path}.{name}[{i}]")
    if resources.get("matchPolicy") not in (None, *MATCH_POLICIES):
        causes.append(field.not_supported(f"{path}.matchPolicy", resources["matchPolicy"], MATCH_POLICIES))
    return causes


def _check_names(given_names: list[str], path: str) -> list[Cause]:
    causes = []
    for i, name in enumerate(given_names):
        causes += named(name, f"{path}[{i}]", names.path_segment)
        if name in given_names[:i]:
            causes.append(field.duplicate(f"{path}[{i}]", name))
    return causes


def check_selectors(source: Obj, path: str) -> list[Cause]:
    """Check a webhook's or a match's selectors of namespaces and objects."""
    causes = check_label_selector(source.get("namespaceSelector"), f"{path}.namespaceSelector")
    return causes + check_label_selector(source.get("objectSelector"), f"{path}.objectSelector")


def check_rule(rule: Obj, path: str) -> list[Cause]:
    """Return what is wrong with one rule."""
    causes = _check_list(rule.get("operations") or [], f"{path}.operations")
    for i, operation in items(rule, "operations"):
        if operation not in OPERATIONS:
            causes.append(field.not_supported(f"{path}.operations[{i}]", operation, OPERATIONS))
    for name in ("apiGroups", "apiVersions"):
        causes += _check_list(rule.get(name) or [], f"{path}.{name}")
    causes += [
        field.required(f"{path}.apiVersions[{i}]", "") for i, version in items(rule, "apiVersions") if not version
    ]
    causes += _check_resources(rule.get("resources") or [], f"{path}.resources")
    if rule.get("scope") is not None and rule["scope"] not in SCOPES:
        causes.append(field.not_supported(f"{path}.scope", rule["scope"], SCOPES))
    return causes


def _check_list(values: list[str], path: str) -> list[Cause]:
    if not values:
        return [field.required(path, "")]
    if len(values) > 1 and "*" in values:
        what = _PLURALS[path.rpartition(".")[2]]
        return [field.invalid(path, values, f"if '*' is present, must not specify other {what}")]
    return []


def _check_resources(resources: list[str], path: str) -> list[Cause]:
    if not resources:
        return [field.required(path, "")]
    causes = [field.required(f"{path}[{i}]", "") for i, resource in enumerate(resources) if not resource]
    if "*/*" in resources and len(resources) > 1:
        message = "if '*/*' is present, must not specify other resources"
        causes.append(field.invalid(path, resources, message))
    if "*" in resources and any("/" not in resource for resource in resources if resource != "*"):
        message = "if '*' is present, must not specify other resources without subresources"
        causes.append(field.invalid(path, resources, message))
    return causes


def check_conditions(source: Obj, path: str) -> list[Cause]:
    """Check the match conditions of a webhook or a policy: named once each, with an expression."""
    conditions, here = source.get("matchConditions") or [], f"{path}matchConditions"
    if len(conditions) > _MAX_CONDITIONS:
        return [field.too_many(here, len(conditions), _MAX_CONDITIONS)]
    causes, seen = [], set()
    for i, condition in enumerate(conditions):
        name = condition.get("name") or ""
        causes += given(condition, "expression", f"{here}[{i}].")
        if not name:
            causes.append(field.required(f"{here}[{i}].name", ""))
        else:
            causes += named(name, f"{here}[{i}].name", names.qualified_name)
        if name in seen:
            causes.append(field.duplicate(f"{here}[{i}].name", name))
        seen.add(name)
    return causes
