"""ResourceQuota: how much a namespace may use."""

from __future__ import annotations

from typing import Any

from kubern.api import field, names
from kubern.api.podspec.check_resources import check_quantity, is_standard
from kubern.api.resource import STATUS, Resource
from kubern.api.rules.cells import AGE, NAME, column
from kubern.api.rules.quantities import store_maps
from kubern.api.rules.values import at
from kubern.base.errors import Cause
from kubern.base.json import Obj

_SCOPES = [
    "BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass", "Terminating",
    "VolumeAttributesClass",
]  # fmt: skip
_POD_SCOPES = frozenset(
    {"BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass", "Terminating"}
)
_POD_COUNTS = frozenset({"pods", "count/pods"})
_POD_AMOUNTS = frozenset(
    {"cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"}
)  # fmt: skip
_NOT_STANDARD = ("must be a standard resource type or fully qualified", "must be a standard resource for quota")


def _default(quota: Obj) -> None:
    store_maps(quota.get("spec"), "hard")
    store_maps(quota.get("status"), "hard", "used")


def _prepare_create(quota: Obj) -> None:
    quota["status"] = {}


def _validate(quota: Obj) -> list[Cause]:
    spec = quota.get("spec") or {}
    causes = _check_amounts(spec.get("hard") or {}, "spec.hard")
    for name in spec.get("scopes") or ():
        if name not in _SCOPES:
            causes.append(field.invalid("spec.scopes", spec["scopes"], "unsupported scope"))
        causes += _check_counted(name, spec, "spec.scopes", spec["scopes"])
    causes += _check_conflicts(spec.get("scopes") or [], "spec.scopes", spec.get("scopes"))
    terms, path = at(spec, "scopeSelector.matchExpressions") or [], "spec.scopeSelector.matchExpressions"
    for term in terms:
        causes += _check_term(term, path)
        causes += _check_counted(term.get("scopeName") or "", spec, path, spec["scopeSelector"])
    return causes + _check_conflicts([term.get("scopeName") for term in terms], path, spec.get("scopes") or [])


def _check_counted(scope: str, spec: Obj, path: str, shown: Any) -> list[Cause]:
    """Return a cause for each standard resource that is not counted in a scope: only pods and what they ask for are."""
    counted = _POD_COUNTS if scope == "BestEffort" else _POD_COUNTS | _POD_AMOUNTS
    if scope not in _POD_SCOPES:
        return []
    wrong = [name for name in sorted(spec.get("hard") or {}) if is_standard(name) and name not in counted]
    return [field.invalid(path, shown, "unsupported scope applied to resource") for _ in wrong]


def _check_conflicts(scopes: list[Any], path: str, shown: Any) -> list[Cause]:
    pairs = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
    return [
        field.invalid(path, shown, "conflicting scopes") for one, other in pairs if one in scopes and other in scopes
    ]


def _check_term(term: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    scope, operator, values = term.get("scopeName") or "", term.get("operator") or "", term.get("values") or []
    if scope not in _SCOPES:
        causes.append(field.invalid(f"{path}.scopeName", scope, "unsupported scope"))
    if scope in _POD_SCOPES - {"PriorityClass"} and operator != "Exists":
        message = (
            "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
            "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
        )
        causes.append(field.invalid(f"{path}.operator", operator, message))
    if operator in ("In", "NotIn") and not values:
        message = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
        causes.append(field.required(f"{path}.values", message))
    if operator in ("Exists", "DoesNotExist") and values:
        message = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
        causes.append(field.invalid(f"{path}.values", values, message))
    if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        causes.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return causes


def _check_amounts(amounts: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for name, quantity in amounts.items():
        here = f"{path}[{name}]"
        wrong = [field.invalid(here, name, message) for message in names.qualified_name(name)]
        if not wrong and "/" not in name and not is_standard(name):
            wrong += [field.invalid(here, name, message) for message in _NOT_STANDARD]
        causes += wrong + check_quantity(name, quantity, here)
    return causes


def _validate_update(new: Obj, old: Obj) -> list[Cause]:
    fresh, stored = new.get("spec") or {}, old.get("spec") or {}
    return field.immutable("spec.scopes", fresh.get("scopes") or [], stored.get("scopes") or [])


def _validate_status(new: Obj, old: Obj) -> list[Cause]:
    status = new.get("status") or {}
    return _check_amounts(status.get("hard") or {}, "status.hard") + _check_amounts(
        status.get("used") or {}, "status.used"
    )


def _shown(quota: Obj, limits: bool) -> str:
    status = quota.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    rows = (name for name in sorted(hard) if name.startswith("limits") is limits)
    return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in rows)


RESOURCE = Resource(
    group="",
    version="v1",
    kind="ResourceQuota",
    plural="resourcequotas",
    singular="resourcequota",
    namespaced=True,
    schema="io.k8s.api.core.v1.ResourceQuota",
    short_names=("quota",),
    subresources=(STATUS,),
    columns=(
        NAME,
        column("Request", lambda quota: _shown(quota, False), "What is asked for, of how much may be."),
        column("Limit", lambda quota: _shown(quota, True), "The limits given out, of how much may be."),
        AGE,
    ),
    default=_default,
    prepare_create=_prepare_create,
    validate=_validate,
    validate_update=_validate_update,
    validate_status_update=_validate_status,
)
