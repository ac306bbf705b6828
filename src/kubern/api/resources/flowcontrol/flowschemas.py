"""FlowSchema: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import named, one_of
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
    level, here = at(spec, "priorityLevelConfiguration.name"), "spec.priorityLevelConfiguration.name"
    causes += named(level, here, names.dns1123_subdomain) if level else []
    if not level:
        causes.append(field.required(here, "must reference a priority level"))
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
        causes += _check_subject(subject, here)
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        message = "at least one of resourceRules and nonResourceRules has to be non-empty"
        causes.append(field.required(path, message))
    for kind in ("resourceRules", "nonResourceRules"):
        for i, each in items(rule, kind):
            causes += _check_verbs(each.get("verbs") or [], f"{path}.{kind}[{i}].verbs")
    for i, each in items(rule, "resourceRules"):
        causes += _check_resources(each, f"{path}.resourceRules[{i}]")
    for i, each in items(rule, "nonResourceRules"):
        causes += _check_urls(each.get("nonResourceURLs") or [], f"{path}.nonResourceRules[{i}].nonResourceURLs")
    return causes


def _check_subject(subject: Obj, path: str) -> list[Cause]:
    kind = subject.get("kind") or ""
    wanted = _SUBJECTS.get(kind)
    if wanted is None:
        return []
    who, here, causes = subject.get(wanted), f"{path}.{wanted}", []
    if who is None:
        causes.append(field.required(here, f"{wanted} is required when subject kind is '{kind}'"))
    elif not who.get("name"):
        causes.append(field.required(f"{here}.name", ""))
    elif wanted == "serviceAccount" and who["name"] != "*":
        causes += named(who["name"], f"{here}.name", names.dns1123_subdomain)
    if who is not None and wanted == "serviceAccount":
        namespace = who.get("namespace")
        causes += named(namespace, f"{here}.namespace", names.dns1123_label) if namespace else []
        if not namespace:
            causes.append(field.required(f"{here}.namespace", "must specify namespace for service account"))
    for other, one in _SUBJECTS.items():
        if one != wanted and subject.get(one) is not None:
            causes.append(field.forbidden(f"{path}.{one}", f"{one} is forbidden when subject kind is not '{other}'"))
    return causes


def _check_resources(rule: Obj, path: str) -> list[Cause]:
    causes = []
    for key, what, plural in (("apiGroups", "api group", "api groups"), ("resources", "resource", "resources")):
        given = rule.get(key) or []
        if not given:
            causes.append(field.required(f"{path}.{key}", f"resource rules must supply at least one {what}"))
        elif len(given) > 1 and "*" in given:
            causes.append(field.invalid(f"{path}.{key}", given, f"if '*' is present, must not specify other {plural}"))
    namespaces, here = rule.get("namespaces") or [], f"{path}.namespaces"
    if not namespaces and not rule.get("clusterScope"):
        message = "resource rules that are not cluster scoped must supply at least one namespace"
        causes.append(field.required(here, message))
    elif "*" in namespaces:
        message = "if '*' is present, must not specify other namespaces"
        causes += [field.invalid(here, namespaces, message)] if len(namespaces) > 1 else []
    else:
        causes += [
            field.invalid(f"{here}[{i}]", name, f"each member of this list must be '*' or a DNS-1123 label; {wrong}")
            for i, name in enumerate(namespaces)
            for wrong in names.dns1123_label(name)
        ]
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
