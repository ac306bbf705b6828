"""Checks of what steers scheduling: tolerations, affinity, topology spread, scheduling gates.

Called by the pod specification's checks; node selector terms also by persistent volumes. Paths and wording are upstream's.
"""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.selectors import check_label_selector
from kubern.api.structs import TOLERATION, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

TAINT_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
_EMPTY_KEY = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)


def check_tolerations(tolerations: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with `tolerations`."""
    causes: list[Cause] = []
    for i, toleration in enumerate(tolerations):
        here = f"{path}[{i}]"
        key, operator = toleration.get("key") or "", toleration.get("operator") or ""
        effect = toleration.get("effect") or ""
        if key:
            causes += label_name(key, f"{here}.key")
        elif operator != "Exists":
            causes.append(field.invalid(f"{here}.operator", operator, _EMPTY_KEY))
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            message = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            causes.append(field.invalid(f"{here}.effect", effect, message))
        causes += _check_toleration_value(toleration, operator, here)
        if effect and effect not in TAINT_EFFECTS:
            causes.append(field.not_supported(f"{here}.effect", effect, TAINT_EFFECTS))
    return causes


def _check_toleration_value(toleration: Obj, operator: str, path: str) -> list[Cause]:
    value = toleration.get("value") or ""
    if operator in ("", "Equal"):
        messages = names.label_value(value)
        return [field.invalid(f"{path}.operator", value, ";".join(messages))] if messages else []
    if operator == "Exists":
        message = "value must be empty when `operator` is 'Exists'"
        return [field.invalid(f"{path}.operator", struct(toleration, TOLERATION), message)] if value else []
    return [field.not_supported(f"{path}.operator", operator, ["Equal", "Exists"])]


def check_affinity(affinity: Obj | None, path: str) -> list[Cause]:
    """Return what is wrong with `affinity`."""
    causes: list[Cause] = []
    affinity = affinity or {}
    node = affinity.get("nodeAffinity") or {}
    if node.get(_REQUIRED) is not None:
        causes += check_node_selector(node[_REQUIRED], f"{path}.nodeAffinity.{_REQUIRED}")
    for i, term in enumerate(node.get(_PREFERRED) or ()):
        here = f"{path}.nodeAffinity.{_PREFERRED}[{i}]"
        causes += _check_weight(term, here) + check_node_term(
            term.get("preference") or {}, f"{here}.preference", any_value=True
        )
    for kind in ("podAffinity", "podAntiAffinity"):
        pods = affinity.get(kind) or {}
        for i, term in enumerate(pods.get(_REQUIRED) or ()):
            causes += _check_pod_term(term, f"{path}.{kind}.{_REQUIRED}[{i}]")
        for i, term in enumerate(pods.get(_PREFERRED) or ()):
            here = f"{path}.{kind}.{_PREFERRED}[{i}]"
            causes += _check_weight(term, here) + _check_pod_term(
                term.get("podAffinityTerm") or {}, f"{here}.podAffinityTerm"
            )
    return causes


def check_node_selector(selector: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a node selector: it needs terms, and each a right form."""
    terms = selector.get("nodeSelectorTerms") or []
    if not terms:
        return [field.required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")]
    return [cause for i, term in enumerate(terms) for cause in check_node_term(term, f"{path}.nodeSelectorTerms[{i}]")]


def check_node_term(term: Obj, path: str, *, any_value: bool = False) -> list[Cause]:
    """Return what is wrong with one node selector term; what is only preferred may have `any_value`."""
    causes: list[Cause] = []
    for i, requirement in enumerate(term.get("matchExpressions") or ()):
        causes += _check_requirement(requirement, f"{path}.matchExpressions[{i}]", any_value)
    for i, requirement in enumerate(term.get("matchFields") or ()):
        causes += _check_field_requirement(requirement, f"{path}.matchFields[{i}]")
    return causes


def _check_requirement(requirement: Obj, path: str, any_value: bool) -> list[Cause]:
    operator, values = requirement.get("operator") or "", requirement.get("values") or []
    causes: list[Cause] = []
    if operator in ("In", "NotIn"):
        if not values:
            causes.append(field.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            message = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            causes.append(field.forbidden(f"{path}.values", message))
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            message = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            causes.append(field.required(f"{path}.values", message))
    else:
        causes.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    causes += label_name(requirement.get("key") or "", f"{path}.key")
    for i, value in enumerate(() if any_value else values):
        causes += [field.invalid(f"{path}.values[{i}]", value, message) for message in names.label_value(value)]
    return causes


def _check_field_requirement(requirement: Obj, path: str) -> list[Cause]:
    operator, values = requirement.get("operator") or "", requirement.get("values") or []
    causes: list[Cause] = []
    if operator not in ("In", "NotIn"):
        causes.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    elif len(values) != 1:
        message = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        causes.append(field.required(f"{path}.values", message))
    key = requirement.get("key") or ""
    if key != "metadata.name":
        causes.append(field.invalid(f"{path}.key", key, "not a valid field selector key"))
        return causes
    for i, value in enumerate(values):
        causes += [field.invalid(f"{path}.values[{i}]", value, message) for message in names.dns1123_subdomain(value)]
    return causes


def _check_weight(term: Obj, path: str) -> list[Cause]:
    weight = term.get("weight") or 0
    return [] if 1 <= weight <= 100 else [field.invalid(f"{path}.weight", weight, "must be in the range 1-100")]


def _check_pod_term(term: Obj, path: str) -> list[Cause]:
    causes = check_label_selector(term.get("labelSelector"), f"{path}.labelSelector")
    causes += check_label_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for name in term.get("namespaces") or ():
        causes += [field.invalid(f"{path}.namespace", name, message) for message in names.dns1123_label(name)]
    causes += _check_label_keys(term, path, path)
    key = term.get("topologyKey") or ""
    if not key:
        causes.append(field.required(f"{path}.topologyKey", "can not be empty"))
    return causes + label_name(key, f"{path}.topologyKey")


def check_topology_spread(constraints: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with `topologySpreadConstraints`."""
    pairs = [(each.get("topologyKey") or "", each.get("whenUnsatisfiable") or "") for each in constraints]
    return [
        cause
        for i, constraint in enumerate(constraints)
        for cause in _check_spread(constraint, f"{path}[{i}]", pairs[i] in pairs[i + 1 :])
    ]


def _check_spread(constraint: Obj, path: str, again: bool) -> list[Cause]:
    """Return what is wrong with one constraint; `again`: another one follows of its key and action."""
    causes: list[Cause] = []
    skew, key = constraint.get("maxSkew") or 0, constraint.get("topologyKey") or ""
    action, least = constraint.get("whenUnsatisfiable") or "", constraint.get("minDomains")
    if skew <= 0:
        causes.append(field.invalid(f"{path}.maxSkew", skew, "must be greater than zero"))
    if not key:
        causes.append(field.required(f"{path}.topologyKey", "can not be empty"))
    if action not in ("DoNotSchedule", "ScheduleAnyway"):
        causes.append(field.not_supported(f"{path}.whenUnsatisfiable", action, ["DoNotSchedule", "ScheduleAnyway"]))
    if again:
        causes.append(field.duplicate(f"{path}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}"))
    if least is not None and least <= 0:
        causes.append(field.invalid(f"{path}.minDomains", least, "must be greater than zero"))
    if least is not None and action != "DoNotSchedule":
        message = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        causes.append(field.invalid(f"{path}.minDomains", least, message))
    for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        value = constraint.get(name)
        if value is not None and value not in ("Honor", "Ignore"):
            causes.append(field.not_supported(f"{path}.{name}", value, ["Honor", "Ignore"]))
    causes += _check_label_keys(constraint, path, f"{path}.matchLabelKeys")
    return causes + check_label_selector(constraint.get("labelSelector"), f"{path}.labelSelector")


def _check_label_keys(term: Obj, path: str, above: str) -> list[Cause]:
    """Return what is wrong with the label keys of a term at `path`; one that its selector names as well is wrong at `above`.

    A new pod's keys have become requirements of the selector by now: what the user said of one too stands there twice.
    """
    keys, others, selector = (
        term.get("matchLabelKeys") or [],
        term.get("mismatchLabelKeys") or [],
        term.get("labelSelector"),
    )
    causes: list[Cause] = []
    for name, listed in (("matchLabelKeys", keys), ("mismatchLabelKeys", others)):
        if listed and selector is None:
            causes.append(field.forbidden(f"{path}.{name}", "must not be specified when labelSelector is not set"))
        for i, key in enumerate(listed):
            causes += label_name(key, f"{path}.{name}[{i}]")
    named = [*((selector or {}).get("matchLabels") or ())]
    named += [each.get("key") for each in (selector or {}).get("matchExpressions") or ()]
    for i, key in enumerate(keys):
        if named.count(key) > 1:
            causes.append(field.invalid(f"{above}[{i}]", key, "exists in both matchLabelKeys and labelSelector"))
    for i, key in enumerate(keys):
        if key in others:
            message = "exists in both matchLabelKeys and mismatchLabelKeys"
            causes.append(field.invalid(f"{path}.matchLabelKeys[{i}]", key, message))
    return causes


def check_gates(gates: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with `schedulingGates`."""
    causes: list[Cause] = []
    taken: set[str] = set()
    for i, gate in enumerate(gates):
        name = gate.get("name") or ""
        causes += [field.invalid(f"{path}[{i}]", name, message) for message in names.qualified_name(name)]
        if name in taken:
            causes.append(field.duplicate(f"{path}[{i}]", name))
        taken.add(name)
    return causes


def label_name(key: str, path: str) -> list[Cause]:
    """Return what is wrong with a label's key."""
    return [field.invalid(path, key, message) for message in names.qualified_name(key)]
