"""NodeAffinity: nodeSelector and required node affinity keep a pod to matching nodes, preferred terms give points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from kubern.base.json import Obj
from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.framework import Cycle, Plugin, Refusal, Scores, never, scaled


def _filter(cycle: Cycle) -> list[Refusal]:
    fits = fitting(cycle)
    if fits is None:
        return []
    return [Refusal(cycle.columns.present & ~fits, "node(s) didn't match Pod's node affinity/selector", lasting=True)]


def fitting(cycle: Cycle) -> Mask | None:
    """Return the nodes that meet the pod's nodeSelector and required node affinity, None when it has neither."""
    spec = cycle.pod["spec"]
    selector = spec.get("nodeSelector")
    required = _node_affinity(spec).get("requiredDuringSchedulingIgnoredDuringExecution")
    if not selector and required is None:
        return None
    columns = cycle.columns
    fits: Mask = columns.memo(
        ("NodeAffinity", orjson.dumps([selector, required])), lambda: columns.mask(lambda node: matches(spec, node))
    )
    return fits


def matches(spec: Obj, node: Obj) -> bool:
    """Whether a node meets a pod spec's nodeSelector and required node affinity."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = _node_affinity(spec).get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(term_matches(term, node) for term in required.get("nodeSelectorTerms") or ())


def term_matches(term: Obj, node: Obj) -> bool:
    """Whether a node meets every requirement of a node selector term; an empty term matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    labels = node["metadata"].get("labels") or {}
    return all(_requirement(e, labels.get(e["key"])) for e in expressions) and all(
        e["key"] == "metadata.name" and _requirement(e, node["metadata"]["name"]) for e in fields
    )


def _requirement(expression: Obj, value: str | None) -> bool:
    wanted = expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in wanted
        case "NotIn":
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return _difference(value, wanted) > 0
        case "Lt":
            return _difference(value, wanted) < 0
        case _:
            return False


def _difference(value: str | None, wanted: Sequence[str]) -> int:
    """Return how much larger a label's number is than the wanted one; 0, which meets neither Gt nor Lt, if one is no number."""
    try:
        return int(value or "") - int("".join(wanted[:1]))
    except ValueError:
        return 0


def _score(cycle: Cycle, mask: Mask) -> Scores | None:
    preferred = _node_affinity(cycle.pod["spec"]).get("preferredDuringSchedulingIgnoredDuringExecution")
    if not preferred:
        return None
    columns = cycle.columns
    scores = np.zeros(len(columns.nodes))
    for term in preferred:
        scores += _preferring(columns, term["preference"]) * term["weight"]
    return scores


def _preferring(columns: Columns, term: Obj) -> Mask:
    fits: Mask = columns.memo(
        ("NodeAffinity/term", orjson.dumps(term)), lambda: columns.mask(lambda node: _preferred(term, node))
    )
    return fits


def _preferred(term: Obj, node: Obj) -> bool:
    # an empty preference, unlike an empty requirement, is met by every node
    return not (term.get("matchExpressions") or term.get("matchFields")) or term_matches(term, node)


def _node_affinity(spec: Obj) -> Obj:
    return (spec.get("affinity") or {}).get("nodeAffinity") or {}


PLUGIN = Plugin(
    "NodeAffinity",
    weight=2,
    filter=_filter,
    refuses=never,
    score=_score,
    normalize=scaled,
    events=frozenset({"Node/Add", "Node/Label"}),
    hint=lambda info, event: event.after is None or matches(info.pod["spec"], event.after),
)
