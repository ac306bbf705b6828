"""NodeResourcesFit: a node must have room for what the pod asks for; the emptier it would stay, the better (LeastAllocated)."""

from __future__ import annotations

import numpy as np

from kubern.scheduler.columns import CPU, MEMORY, PODS, Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Event, Plugin, Refusal, Scores
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.requests import amounts, pod_requests


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


def _refuses(cycle: Cycle, row: int) -> list[str]:
    columns = cycle.columns
    reasons = []
    for resource, amount in (*cycle.requests.amounts, ("pods", 1)):
        column = columns.column(resource)
        if columns.allocatable[row, column] - columns.requested[row, column] < amount:
            reasons.append("Too many pods" if column == PODS else f"Insufficient {resource}")
    return reasons


def _hint(info: PodInfo, event: Event) -> bool:
    """A node helps that is large enough when empty; a pod that went or shrank, when it gave back something that is asked for."""
    if event.name.startswith("Node/"):
        held = amounts(((event.after or {}).get("status") or {}).get("allocatable") or {})
        return all(held.get(resource, 0) >= amount for resource, amount in (*info.requests.amounts, ("pods", 1)))
    if event.name == "Pod/Delete" or event.before is None or event.after is None:
        return True
    before, after = dict(pod_requests(event.before).amounts), dict(pod_requests(event.after).amounts)
    return any(after.get(resource, 0) < before.get(resource, 0) for resource, _ in info.requests.amounts)


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
    refuses=_refuses,
    score=_score,
    events=frozenset({"Node/Add", "Node/Allocatable", "Pod/Delete", "Pod/Update"}),
    hint=_hint,
)
