"""A scheduling plug-in of one's own: noisy pods stay off the nodes that are labelled quiet, and quiet nodes with fans are second choice.

A filter answers for all nodes at once: `columns.mask` asks a question of each node's object, `columns.memo` remembers the answer
until labels or taints change. The reason is what `kubectl describe pod` and `kubern why` show; `events` lets a refused pod be tried again.
"""

import numpy as np

from kubern.scheduler.framework import Cycle, Plugin, Refusal, reversed_scale


def labelled(cycle: Cycle, key: str):
    return cycle.columns.memo(
        ("QuietHours", key), lambda: cycle.columns.mask(lambda n: key in n["metadata"].get("labels", {}))
    )


def keep_away(cycle: Cycle) -> list[Refusal]:
    if cycle.info.labels.get("noise") != "loud":
        return []
    return [Refusal(labelled(cycle, "example.com/quiet"), "node(s) were quiet", lasting=True)]


def fans(cycle: Cycle, mask) -> np.ndarray:
    return labelled(cycle, "example.com/fan").astype(np.float64)


PLUGIN = Plugin(
    "QuietHours",
    weight=2,
    filter=keep_away,
    score=fans,
    normalize=reversed_scale,
    events=frozenset({"Node/Add", "Node/Label"}),
)
