"""NodeAffinity: nodeSelector and required node affinity keep a pod to matching nodes, preferred terms give points."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import orjson

from kubern.base.json import Obj
from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.framework import Cycle, Plugin, Refusal, Scores, disjoint, never, scaled

REQUIRED, PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)


def _filter(cycle: Cycle, added: Obj) -> list[Refusal]:
    columns, refusals = cycle.columns, []
    required = added.get(REQUIRED)
    if required is not None:
        enforced: Mask = columns.memo(
            ("NodeAffinity/added", orjson.dumps(required)), lambda: columns.mask(lambda node: _any(required, node))
        )
        text = "node(s) didn't match scheduler-enforced node affinity"
        refusals.append(Refusal(columns.present & ~enforced, text, lasting=True))
    fits = fitting(cycle)
    if fits is not None:
        text = "node(s) didn't match Pod's node affinity/selector"
        refusals.append(Refusal(columns.present & ~fits, text, lasting=True))
    return disjoint(refusals)


def fitting(cycle: Cycle) -> Mask | None:
    """Return the nodes that meet the pod's nodeSelector and required node affinity, None when it has neither."""
    spec = cycle.pod["spec"]
    selector = spec.get("nodeSelector")
    required = _node_affinity(spec).get(REQUIRED)
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
    required = _node_affinity(spec).get(REQUIRED)
    return required is None or _any(required, node)


def _any(required: Obj, node: Obj) -> bool:
    return any(term_matches(term, node) for term in required.get("nodeSelectorTerms") or ())


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


def _score(cycle: Cycle, mask: Mask, added: Obj) -> Scores | None:
    preferred = [*(added.get(PREFERRED) or ()), *(_node_affinity(cycle.pod["spec"]).get(PREFERRED) or ())]
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


def configured(args: Obj) -> Plugin:
    """Return the plug-in with `addedAffinity`, which holds for every pod."""
    return _plugin(args.get("addedAffinity") or {})


def _plugin(added: Obj) -> Plugin:
    return Plugin(
        "NodeAffinity",
        weight=2,
        filter=functools.partial(_filter, added=added),
        refuses=never,
        score=functools.partial(_score, added=added),
        normalize=scaled,
        events=frozenset({"Node/Add", "Node/Label"}),
        hint=lambda info, event: event.after is None or matches(info.pod["spec"], event.after),
        configure=configured,
    )


PLUGIN = _plugin({})
