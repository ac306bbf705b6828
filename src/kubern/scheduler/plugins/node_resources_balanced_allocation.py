"""NodeResourcesBalancedAllocation: prefer nodes whose cpu and memory would be used in like measure."""

from __future__ import annotations

import numpy as np

from kubern.scheduler.columns import CPU, MEMORY, Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Plugin, Scores


def _score(cycle: Cycle, mask: Mask) -> Scores:
    columns = cycle.columns
    asked = dict(cycle.requests.amounts)
    fractions = []
    for column, amount in ((CPU, asked.get("cpu", 0)), (MEMORY, asked.get("memory", 0))):
        capacity = np.maximum(columns.allocatable[:, column], 1)
        fractions.append(np.minimum((columns.requested[:, column] + amount) / capacity, 1.0))
    # of two values the standard deviation is half their difference
    scores: Scores = np.floor((1.0 - np.abs(fractions[0] - fractions[1]) / 2) * MAX_SCORE)
    return scores


PLUGIN = Plugin("NodeResourcesBalancedAllocation", score=_score)
