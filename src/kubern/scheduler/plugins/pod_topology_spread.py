"""PodTopologySpread: replicas of one workload are spread over nodes (the default constraint, a preference).

Source: the Kubernetes documentation, "Pod Topology Spread Constraints", built-in default constraints.
"""

from __future__ import annotations

import numpy as np

from kubern.scheduler.columns import Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Plugin, Scores


def _score(cycle: Cycle, mask: Mask) -> Scores:
    """Return how many replicas of the pod's own workload are on each node."""
    counts = np.zeros(len(cycle.columns.nodes))
    for row, count in cycle.columns.replicas.get(cycle.requests.owner, {}).items():
        counts[row] = count
    return counts


def _fewest_first(scores: Scores, mask: Mask) -> Scores:
    """Give the node with the fewest replicas 100 and the one with the most 0; all are equal when there is no difference."""
    most, fewest = float(scores[mask].max(initial=0.0)), float(scores[mask].min(initial=np.inf))
    if most <= fewest:
        return np.full_like(scores, MAX_SCORE)
    return (most - scores) * (MAX_SCORE / (most - fewest))


PLUGIN = Plugin("PodTopologySpread", weight=2, score=_score, normalize=_fewest_first)
