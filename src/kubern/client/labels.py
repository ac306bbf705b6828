"""Label selectors in their object form, as workloads, budgets and policies hold them. Pure; used by every component.

Source: the API documentation of metav1.LabelSelector.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubern.base.json import Obj


def selects(selector: Obj | None, labels: Mapping[str, str] | None) -> bool:
    """Say whether a LabelSelector matches an object's labels. No selector matches nothing, an empty one everything."""
    if selector is None:
        return False
    labels = labels or {}
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_meets(expression, labels) for expression in selector.get("matchExpressions") or ())


def selects_map(selector: Mapping[str, str] | None, labels: Mapping[str, str] | None) -> bool:
    """Say whether a plain map of labels (Service, ReplicationController) matches; an empty one matches nothing."""
    if not selector:
        return False
    labels = labels or {}
    return all(labels.get(key) == value for key, value in selector.items())


def is_empty(selector: Obj | None) -> bool:
    """Say whether a LabelSelector names no requirement at all."""
    return not selector or not (selector.get("matchLabels") or selector.get("matchExpressions"))


def selector_text(selector: Obj | None) -> str:
    """Return a LabelSelector as the query parameter `labelSelector` and `status.selector` write it."""
    if not selector:
        return ""
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, operator = expression["key"], expression["operator"]
        values = ",".join(sorted(expression.get("values") or ()))
        text = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }[operator]
        parts.append((key, text))
    return ",".join(text for _, text in sorted(parts))


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
