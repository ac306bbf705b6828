"""FlowSchema: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import one_of
from kubern.api.rules.values import at, fill_empty, items, part, section
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_PRECEDENCE = 10_000
_METHODS = ("ByNamespace", "ByUser")
_SUBJECTS = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}


_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"]


def default(obj: Obj) -> None:
    """Fill a FlowSchema: it matches among the middle ones."""
    fill_empty(section(obj, "spec"), matchingPrecedence=1000)


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a FlowSchema."""
    spec = part(obj, "spec")
    precedence, path, causes = spec.get("matchingPrecedence") or 0, "spec.matchingPrecedence", []
    if precedence <= 0:
        causes.append(field.invalid(path, precedence, "must be a positive value"))
    if precedence > _MAX_PRECEDENCE:
        causes.append(field.invalid(path, precedence, f"must not be greater than {_MAX_PRECEDENCE}"))
    if precedence == 1 and obj["metadata"].get("name") != "exempt":
        causes.append(field.invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
    if spec.get("distinguisherMethod") is not None:
        causes += one_of(spec["distinguisherMethod"], "type", "spec.distinguisherMethod.", _METHODS)
    if not at(spec, "priorityLevelConfiguration.name"):
        causes.append(field.required("spec.priorityLevelConfiguration.name", "must reference a priority level"))
    for i, rule in items(spec, "rules"):
        causes += _check_rule(rule, f"spec.rules[{i}]")
    return causes


def _check_rule(rule: Obj, path: str) -> list[Cause]:
    causes = (
        [] if rule.get("subjects") else [field.required(f"{path}.subjects", "subjects must contain at least one value")]
    )
    for i, subject in items(rule, "subjects"):
        here = f"{path}.subjects[{i}]"
        causes += one_of(subject, "kind", f"{here}.", tuple(_SUBJECTS))
        wanted = _SUBJECTS.get(subject.get("kind") or "")
        if wanted and subject.get(wanted) is None:
            message = f"{wanted} is required when subject kind is '{subject['kind']}'"
            causes.append(field.required(f"{here}.{wanted}", message))
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        message = "at least one of resourceRules and nonResourceRules has to be non-empty"
        causes.append(field.required(path, message))
    for kind in ("resourceRules", "nonResourceRules"):
        for i, each in items(rule, kind):
            causes += _check_verbs(each.get("verbs") or [], f"{path}.{kind}[{i}].verbs")
    for i, each in items(rule, "nonResourceRules"):
        causes += _check_urls(each.get("nonResourceURLs") or [], f"{path}.nonResourceRules[{i}].nonResourceURLs")
    return causes


def _check_verbs(verbs: list[str], path: str) -> list[Cause]:
    if not verbs:
        return [field.required(path, "verbs must contain at least one value")]
    if "*" in verbs:
        message = "if '*' is present, must not specify other verbs"
        return [field.invalid(path, verbs, message)] if len(verbs) > 1 else []
    return [] if set(verbs) <= set(_VERBS) else [field.not_supported(path, verbs, _VERBS)]


def _check_urls(urls: list[str], path: str) -> list[Cause]:
    if not urls:
        return [field.required(path, "nonResourceURLs must contain at least one value")]
    if "*" in urls:
        message = "if '*' is present, must not specify other non-resource URLs"
        return [field.invalid(path, urls, message)] if len(urls) > 1 else []
    return [field.invalid(f"{path}[{i}]", url, problem) for i, url in enumerate(urls) if (problem := _url_problem(url))]


def _url_problem(url: str) -> str:
    if not url:
        return "must not be empty"
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    if url.count("*") > 1 or (url.count("*") == 1 and not url.endswith("/*")):
        return "wildcard can only do suffix matching"
    return ""


def _missing(obj: Obj) -> str:
    for _, condition in items(obj, "status.conditions"):
        if condition.get("type") == "Dangling":
            return str(condition.get("status"))
    return "?"


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("PriorityLevel", "spec.priorityLevelConfiguration.name", "The level of its requests."),
    cells.number("MatchingPrecedence", "spec.matchingPrecedence", "Lower ones are asked first."),
    cells.text("DistinguisherMethod", "spec.distinguisherMethod.type", "What makes a flow.", missing=cells.NONE),
    cells.AGE,
    cells.column("MissingPL", _missing, "Whether its level is missing."),
)


RESOURCE = Resource(
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    kind="FlowSchema",
    plural="flowschemas",
    singular="flowschema",
    namespaced=False,
    schema="io.k8s.api.flowcontrol.v1.FlowSchema",
    subresources=(STATUS,),
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
)
