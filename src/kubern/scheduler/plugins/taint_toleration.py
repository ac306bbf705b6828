"""TaintToleration: a node's taints keep pods away that do not tolerate them; preferred taints only cost points."""

from __future__ import annotations

import numpy as np
import orjson

from kubern.base.json import Obj
from kubern.scheduler.columns import Mask
from kubern.scheduler.framework import Cycle, Plugin, Refusal, Scores, reversed_scale
from kubern.scheduler.tolerations import first_untolerated, tolerates


def _filter(cycle: Cycle) -> list[Refusal]:
    refusals: list[Refusal] = cycle.columns.memo(("TaintToleration", _question(cycle.pod)), lambda: _refusals(cycle))
    return refusals


def _refusals(cycle: Cycle) -> list[Refusal]:
    tolerations = cycle.pod["spec"].get("tolerations") or ()
    by_reason: dict[str, list[int]] = {}
    for row, node in enumerate(cycle.columns.nodes):
        taints = ((node or {}).get("spec") or {}).get("taints")
        taint = first_untolerated(taints, tolerations, ("NoSchedule", "NoExecute")) if taints else None
        if taint:
            by_reason.setdefault(_reason(taint), []).append(row)
    found = []
    for reason, rows in by_reason.items():
        mask = np.zeros(len(cycle.columns.nodes), np.bool_)
        mask[rows] = True
        found.append(Refusal(mask, reason, lasting=True))
    return found


def _reason(taint: Obj) -> str:
    value = f": {taint['value']}" if taint.get("value") else ": "
    return f"node(s) had untolerated taint {{{taint['key']}{value}}}"


def _score(cycle: Cycle, mask: Mask) -> Scores:
    scores: Scores = cycle.columns.memo(("TaintToleration/score", _question(cycle.pod)), lambda: _preferences(cycle))
    return scores


def _preferences(cycle: Cycle) -> Scores:
    tolerations = [
        t for t in cycle.pod["spec"].get("tolerations") or () if t.get("effect") in (None, "", "PreferNoSchedule")
    ]
    scores = np.zeros(len(cycle.columns.nodes))
    for row, node in enumerate(cycle.columns.nodes):
        for taint in ((node or {}).get("spec") or {}).get("taints") or ():
            if taint.get("effect") == "PreferNoSchedule" and not any(tolerates(t, taint) for t in tolerations):
                scores[row] += 1
    return scores


def _question(pod: Obj) -> bytes:
    return orjson.dumps(pod["spec"].get("tolerations"))


PLUGIN = Plugin(
    "TaintToleration",
    weight=3,
    filter=_filter,
    score=_score,
    normalize=reversed_scale,
    events=frozenset({"Node/Add", "Node/Taint"}),
)
