"""NodeResourcesFit: a node must have room for what the pod asks for; the emptier it would stay, the better (LeastAllocated)."""

from __future__ import annotations

import numpy as np

from kubern.scheduler.columns import CPU, MEMORY, PODS, Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Plugin, Refusal, Scores


def _filter(cycle: Cycle) -> list[Refusal]:
    columns = cycle.columns
    asked = columns.vector(cycle.requests)
    free = columns.allocatable - columns.requested
    refusals = []
    for resource, column in columns.resources.items():
        if not asked[column]:
            continue
        short = columns.present & (free[:, column] < asked[column])
        if short.any():
            never = short & (columns.allocatable[:, column] < asked[column])
            reason = "Too many pods" if column == PODS else f"Insufficient {resource}"
            if never.any():
                refusals.append(Refusal(never, reason, lasting=True))
            if (short & ~never).any():
                refusals.append(Refusal(short & ~never, reason))
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
