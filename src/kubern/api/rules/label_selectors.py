"""Checks of a `metav1.LabelSelector` inside an object. Called by the resources' declarations; wording is upstream's."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.metadata import check_labels
from kubern.base.errors import Cause
from kubern.base.json import Obj


def check_label_selector(selector: Obj | None, path: str) -> list[Cause]:
    """Return what is wrong with a label selector; none at all is fine."""
    causes = check_labels((selector or {}).get("matchLabels"), f"{path}.matchLabels")
    for i, expression in enumerate((selector or {}).get("matchExpressions") or ()):
        causes += _check_expression(expression, f"{path}.matchExpressions[{i}]")
    return causes


def _check_expression(expression: Obj, path: str) -> list[Cause]:
    operator, values = expression.get("operator") or "", expression.get("values") or []
    causes: list[Cause] = []
    if operator in ("In", "NotIn"):
        if not values:
            causes.append(field.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            message = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            causes.append(field.forbidden(f"{path}.values", message))
    else:
        causes.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    key = expression.get("key") or ""
    causes += [field.invalid(f"{path}.key", key, message) for message in names.qualified_name(key)]
    for i, value in enumerate(values):
        causes += [field.invalid(f"{path}.values[{i}]", value, message) for message in names.label_value(value)]
    return causes
