"""NodeResourcesFit: a node must have room for what the pod asks for; the emptier it would stay, the better (LeastAllocated)."""

from __future__ import annotations

import numpy as np

from kubern.scheduler.columns import CPU, MEMORY, PODS, Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Plugin, Refusal, Scores


def _filter(cycle: Cycle) -> list[Refusal]:
    columns = cycle.columns
    refusals = []
    for resource, amount in (*cycle.requests.amounts, ("pods", 1)):
        column = columns.column(resource)
        held = columns.allocatable[:, column]
        short = columns.present & (held - columns.requested[:, column] < amount)
        if short.any():
            never = short & (held < amount)
            reason = "Too many pods" if column == PODS else f"Insufficient {resource}"
            if never.any():
                refusals.append(Refusal(never, reason, lasting=True))
                short &= ~never
            if short.any():
                refusals.append(Refusal(short, reason))
    return refusals


def _score(cycle: Cycle, mask: Mask) -> Scores:
    columns = cycle.columns
    total = np.zeros(len(columns.nodes))
    for column, asked in ((CPU, cycle.requests.nonzero_cpu), (MEMORY, cycle.requests.nonzero_memory)):
        capacity = columns.allocatable[:, column]
        left = capacity - columns.nonzero[:, column] - asked
        # whole points, as upstream counts them
        total += np.where((capacity > 0) & (left >= 0), np.floor(left * MAX_SCORE / np.maximum(capacity, 1)), 0.0)
    return np.floor(total / 2)


PLUGIN = Plugin(
    "NodeResourcesFit",
    filter=_filter,
    score=_score,
    events=frozenset({"Node/Add", "Node/Allocatable", "Pod/Delete", "Pod/Shrink"}),
)
