"""TaintToleration: a node's taints keep pods away that do not tolerate them; preferred taints only cost points."""

from __future__ import annotations

import numpy as np
import orjson

from kubern.base.json import Obj
from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.framework import Cycle, Event, Plugin, Refusal, Scores, never, reversed_scale
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.tolerations import first_untolerated, tolerates

_FORBIDDING = ("NoSchedule", "NoExecute")


def _filter(cycle: Cycle) -> list[Refusal]:
    refused = untolerated(cycle)
    return [] if refused is None else [Refusal(refused, "node(s) had untolerated taint(s)", lasting=True)]


def untolerated(cycle: Cycle) -> Mask | None:
    """Return the nodes that have a NoSchedule or NoExecute taint which the pod does not tolerate, None when there are none."""
    columns = cycle.columns
    if not _taints(columns):
        return None
    refused: Mask | None = columns.memo(("TaintToleration", _question(cycle.pod)), lambda: _refused(cycle))
    return refused


def _taints(columns: Columns) -> list[tuple[int, list[Obj]]]:
    """Return the rows that have taints, with them."""

    def find() -> list[tuple[int, list[Obj]]]:
        found = ((row, ((node or {}).get("spec") or {}).get("taints")) for row, node in enumerate(columns.nodes))
        return [(row, taints) for row, taints in found if taints]

    tainted: list[tuple[int, list[Obj]]] = columns.memo("TaintToleration/taints", find)
    return tainted


def _refused(cycle: Cycle) -> Mask | None:
    tolerations = cycle.pod["spec"].get("tolerations") or ()
    mask = np.zeros(len(cycle.columns.nodes), np.bool_)
    for row, taints in _taints(cycle.columns):
        mask[row] = first_untolerated(taints, tolerations, _FORBIDDING) is not None
    return mask if mask.any() else None


def _score(cycle: Cycle, mask: Mask) -> Scores | None:
    if not _taints(cycle.columns):
        return None
    question = ("TaintToleration/score", _question(cycle.pod))
    scores: Scores | None = cycle.columns.memo(question, lambda: _preferences(cycle))
    return scores


def _preferences(cycle: Cycle) -> Scores | None:
    tolerations = [
        t for t in cycle.pod["spec"].get("tolerations") or () if t.get("effect") in (None, "", "PreferNoSchedule")
    ]
    scores = np.zeros(len(cycle.columns.nodes))
    for row, taints in _taints(cycle.columns):
        for taint in taints:
            if taint.get("effect") == "PreferNoSchedule" and not any(tolerates(t, taint) for t in tolerations):
                scores[row] += 1
    return scores if scores.any() else None


def _question(pod: Obj) -> bytes:
    return orjson.dumps(pod["spec"].get("tolerations"))


def _lacking(cycle: Cycle, row: int) -> str:
    taints = ((cycle.columns.nodes[row] or {}).get("spec") or {}).get("taints") or ()
    taint = first_untolerated(taints, cycle.pod["spec"].get("tolerations") or (), _FORBIDDING) or {}
    return f"a toleration of {taint.get('key')}={taint.get('value') or ''}:{taint.get('effect')}"


def _hint(info: PodInfo, event: Event) -> bool:
    taints = ((event.after or {}).get("spec") or {}).get("taints") or ()
    return first_untolerated(taints, info.pod["spec"].get("tolerations") or (), _FORBIDDING) is None


PLUGIN = Plugin(
    "TaintToleration",
    weight=3,
    filter=_filter,
    refuses=never,
    lacking=_lacking,
    score=_score,
    normalize=reversed_scale,
    events=frozenset({"Node/Add", "Node/Taint"}),
    hint=_hint,
)
