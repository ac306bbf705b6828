"""Label selectors in their object form, as workloads, budgets and policies hold them. Pure; used by every component.

Source: the API documentation of metav1.LabelSelector.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubern.api.selectors import selects
from kubern.base.json import Obj

__all__ = ["is_empty", "selector_text", "selects", "selects_map"]


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
