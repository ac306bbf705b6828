"""Admission policies and their bindings: what the validating and the mutating kinds have in common."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Column
from kubern.api.rules import cells
from kubern.api.rules.admission_rules import (
    FAILURE_POLICIES,
    check_conditions,
    check_match,
    default_match,
)
from kubern.api.rules.checks import named, one_of
from kubern.api.rules.values import at, fill, items, part, section
from kubern.api.selectors import check_label_selector
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MISSING_PARAMETERS = ("Allow", "Deny")


def default_policy(obj: Obj) -> None:
    """Fill a policy: an expression that fails refuses the request."""
    spec = section(obj, "spec")
    fill(spec, failurePolicy="Fail")
    if spec.get("matchConstraints") is not None:
        default_match(spec["matchConstraints"])


def default_binding(obj: Obj) -> None:
    """Fill a binding's match, where it narrows its policy's."""
    resources = at(obj, "spec.matchResources")
    if resources is not None:
        default_match(resources)


def check_policy(obj: Obj) -> list[Cause]:
    """Return what is wrong with the parts that every policy has."""
    spec, path = part(obj, "spec"), "spec.matchConstraints"
    causes = one_of(spec, "failurePolicy", "spec.", FAILURE_POLICIES)
    if spec.get("paramKind") is not None:
        causes += _check_kind(spec["paramKind"], "spec.paramKind")
    constraints = spec.get("matchConstraints")
    if constraints is None:
        causes.append(field.required(path, ""))
    else:
        causes += check_match(constraints, path)
        if not constraints.get("resourceRules"):
            causes.append(field.required(f"{path}.resourceRules", ""))
    causes += check_conditions(spec, "spec.")
    causes += _check_variables(spec)
    return causes or check_expressions(spec)


def _check_kind(kind: Obj, path: str) -> list[Cause]:
    """Check the kind of a policy's parameters: a version of a group, and a name for it."""
    version, name, causes = kind.get("apiVersion") or "", kind.get("kind") or "", []
    here = f"{path}.apiVersion"
    group, slash, number = version.rpartition("/")
    if not version:
        causes.append(field.required(here, ""))
    elif "/" in group:
        causes.append(field.invalid(here, version, f"unexpected GroupVersion string: {version}"))
    else:
        problems = ((group, names.dns1123_subdomain(group) if slash else []), (number, names.dns1035_label(number)))
        causes += [field.invalid(here, value, ",".join(found)) for value, found in problems if found]
    if not name:
        causes.append(field.required(f"{path}.kind", ""))
    elif names.dns1035_label(name.lower()):
        message = "may have mixed case, but should otherwise match: " + ",".join(names.dns1035_label(name.lower()))
        causes.append(field.invalid(f"{path}.kind", name, message))
    return causes


def check_expressions(spec: Obj) -> list[Cause]:
    """Return which expressions of a policy do not compile, and why."""
    # a policy is rare and CEL is large: it is imported when the first one is written
    from kubern.api.cel.admission import PolicyPrograms

    return [field.invalid(each.path, each.expression, each.detail) for each in PolicyPrograms(spec).problems]


def _check_variables(spec: Obj) -> list[Cause]:
    causes, seen = [], set()
    for i, variable in items(spec, "variables"):
        path, name = f"spec.variables[{i}]", variable.get("name") or ""
        if not name:
            causes.append(field.required(f"{path}.name", "name is not specified"))
        elif not name.isidentifier():
            causes.append(field.invalid(f"{path}.name", name, "name is not a valid CEL identifier"))
        if name in seen:
            causes.append(field.duplicate(f"{path}.name", name))
        seen.add(name)
        if not (variable.get("expression") or "").strip():
            causes.append(field.required(f"{path}.expression", "expression is not specified"))
    return causes


def check_binding(obj: Obj) -> list[Cause]:
    """Return what is wrong with the parts that every binding has."""
    spec = part(obj, "spec")
    name = spec.get("policyName") or ""
    causes = (
        named(name, "spec.policyName", names.dns1123_subdomain) if name else [field.required("spec.policyName", "")]
    )
    if spec.get("paramRef") is not None:
        causes += _check_parameters(spec["paramRef"], "spec.paramRef")
    if spec.get("matchResources") is not None:
        causes += check_match(spec["matchResources"], "spec.matchResources")
    return causes


def _check_parameters(reference: Obj, path: str) -> list[Cause]:
    name, selector = reference.get("name"), reference.get("selector")
    causes = []
    if name and selector is not None:
        causes.append(field.forbidden(f"{path}.name", "name and selector are mutually exclusive"))
    if not name and selector is None:
        causes.append(field.required(path, "one of name or selector must be specified"))
    if selector is not None:
        causes += check_label_selector(selector, f"{path}.selector")
    return causes + one_of(reference, "parameterNotFoundAction", f"{path}.", _MISSING_PARAMETERS)


def _kind(obj: Obj) -> str:
    kind = at(obj, "spec.paramKind")
    return f"{kind.get('apiVersion')}/{kind.get('kind')}" if kind else cells.UNSET


def _parameters(obj: Obj) -> str:
    reference = at(obj, "spec.paramRef")
    if not reference:
        return cells.UNSET
    name = reference.get("name") or "*"
    return f"{reference['namespace']}/{name}" if reference.get("namespace") else str(name)


def policy_columns(what: str, path: str) -> tuple[Column, ...]:
    """Return a policy's columns; `what` names its expressions, which are at `path`."""
    return (
        cells.NAME,
        cells.column(what, lambda obj: len(at(obj, path) or ()), "How many expressions it has.", type="integer"),
        cells.column("ParamKind", _kind, "The kind of its parameters."),
        cells.AGE,
    )


BINDING_COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("PolicyName", "spec.policyName", "The policy that it turns on."),
    cells.column("ParamRef", _parameters, "The policy's parameters."),
    cells.AGE,
)
