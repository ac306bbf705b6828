"""Label selectors as objects: what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj


def check_label_selector(selector: Obj | None, path: str) -> list[Cause]:
    """Return what is wrong with a LabelSelector."""
    causes: list[Cause] = []
    for key, value in ((selector or {}).get("matchLabels") or {}).items():
        causes += [field.invalid(f"{path}.matchLabels", key, m) for m in names.qualified_name(key)]
        causes += [field.invalid(f"{path}.matchLabels", value, m) for m in names.label_value(value)]
    for i, expression in enumerate((selector or {}).get("matchExpressions") or ()):
        here = f"{path}.matchExpressions[{i}]"
        operator, values = expression.get("operator"), expression.get("values") or []
        if operator in ("In", "NotIn"):
            if not values:
                causes.append(field.required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                causes.append(
                    field.forbidden(
                        f"{here}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                    )
                )
        else:
            causes.append(field.invalid(f"{here}.operator", operator, "not a valid selector operator"))
        causes += [
            field.invalid(f"{here}.key", expression.get("key"), m)
            for m in names.qualified_name(expression.get("key") or "")
        ]
    return causes


def selects(selector: Obj | None, labels: Mapping[str, str] | None) -> bool:
    """Say whether a LabelSelector matches an object's labels. No selector matches nothing, an empty one everything."""
    if selector is None:
        return False
    labels = labels or {}
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_meets(expression, labels) for expression in selector.get("matchExpressions") or ())


def _meets(expression: Obj, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
