"""NodeResourcesBalancedAllocation: prefer nodes whose resources would be used in like measure."""

from __future__ import annotations

import functools

import numpy as np

from kubern.base.json import Obj
from kubern.scheduler.columns import Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Plugin, Scores


def _score(cycle: Cycle, mask: Mask, resources: tuple[str, ...]) -> Scores | None:
    columns = cycle.columns
    asked = dict(cycle.requests.amounts)
    if not any(resource in asked for resource in resources):
        return None
    used = []
    for resource in resources:
        column = columns.column(resource)
        if column > 2 and resource not in asked:
            continue
        capacity = np.maximum(columns.allocatable[:, column], 1)
        used.append(np.minimum((columns.requested[:, column] + asked.get(resource, 0)) / capacity, 1.0))
    # of two values the standard deviation is half their difference
    deviation = np.abs(used[0] - used[1]) / 2 if len(used) == 2 else np.std(used, axis=0)
    scores: Scores = np.floor((1.0 - deviation) * MAX_SCORE)
    return scores


def configured(args: Obj) -> Plugin:
    """Return the plug-in with `resources`. Raises `ValueError`."""
    resources = args.get("resources") or [{"name": "cpu"}, {"name": "memory"}]
    if any(each.get("weight", 1) != 1 for each in resources):
        raise ValueError("resources: weight: resource weight must be 1")
    return _plugin(tuple(each["name"] for each in resources))


def _plugin(resources: tuple[str, ...]) -> Plugin:
    return Plugin(
        "NodeResourcesBalancedAllocation", score=functools.partial(_score, resources=resources), configure=configured
    )


PLUGIN = _plugin(("cpu", "memory"))
