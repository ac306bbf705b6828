"""NodeResourcesFit: a node must have room for what the pod asks for; how full it would be then is scored by one of three strategies.

LeastAllocated (the default) prefers the emptier node, MostAllocated the fuller one, RequestedToCapacityRatio follows a curve. Source: the
Kubernetes documentation, "Scheduling Framework" and "Resource Bin Packing".
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kubern.base.json import Obj
from kubern.base.quantity import BINARY, DECIMAL, from_milli, from_value
from kubern.scheduler.columns import CPU, MEMORY, PODS, Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Event, Plugin, Refusal, Scores
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.requests import amounts, pod_requests

_MAX_SHAPE = 10
Used = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], Scores]
"""(requested with the pod, capacity) → whole points 0 … 100."""


class Args(NamedTuple):
    """`resources`: what is scored, with weights. `ignored`: resources that are another's business, by name or by group."""

    used: Used
    resources: tuple[tuple[str, int], ...] = (("cpu", 1), ("memory", 1))
    rounded: bool = False
    """Resources that score nothing do not count, and the mean is rounded: RequestedToCapacityRatio."""
    ignored: frozenset[str] = frozenset()
    ignored_groups: frozenset[str] = frozenset()

    def asked(self, cycle: Cycle) -> list[tuple[str, int]]:
        """Return what the pod asks for, as far as it is looked at."""
        wanted = [each for each in (*cycle.requests.amounts, ("pods", 1)) if each[0] not in self.ignored]
        return [each for each in wanted if each[0].partition("/")[0] not in self.ignored_groups]


def least(requested: npt.NDArray[np.int64], capacity: npt.NDArray[np.int64]) -> Scores:
    """LeastAllocated."""
    return np.where(requested <= capacity, (capacity - requested) * 100 // np.maximum(capacity, 1), 0).astype(
        np.float64
    )


def most(requested: npt.NDArray[np.int64], capacity: npt.NDArray[np.int64]) -> Scores:
    """MostAllocated."""
    return np.floor(np.minimum(requested, capacity) * MAX_SCORE / np.maximum(capacity, 1))


def _ratio(
    requested: npt.NDArray[np.int64], capacity: npt.NDArray[np.int64], shape: tuple[tuple[int, int], ...]
) -> Scores:
    """RequestedToCapacityRatio: the curve through `shape` (utilization, score), straight between its points."""
    used = np.where(requested > capacity, MAX_SCORE, np.floor(requested * MAX_SCORE / np.maximum(capacity, 1)))
    points, scores = [each[0] for each in shape], [each[1] * 10.0 for each in shape]
    return np.trunc(np.interp(used, points, scores))


def _filter(cycle: Cycle, args: Args) -> list[Refusal]:
    columns = cycle.columns
    refusals = []
    for resource, amount in args.asked(cycle):
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


def _refuses(cycle: Cycle, row: int, args: Args) -> list[str]:
    columns = cycle.columns
    reasons = []
    for resource, amount in args.asked(cycle):
        column = columns.column(resource)
        if columns.allocatable[row, column] - columns.requested[row, column] < amount:
            reasons.append("Too many pods" if column == PODS else f"Insufficient {resource}")
    return reasons


def _lacking(cycle: Cycle, row: int, args: Args) -> str:
    columns, parts = cycle.columns, []
    for resource, amount in args.asked(cycle):
        column = columns.column(resource)
        held, used = int(columns.allocatable[row, column]), int(columns.requested[row, column])
        if held - used < amount:
            asked, free, all_of_it = (_shown(resource, each) for each in (amount, max(held - used, 0), held))
            parts.append(f"{resource}: asks for {asked}, free are {free} of {all_of_it}")
    return "; ".join(parts)


def _shown(resource: str, amount: int) -> str:
    if resource == "cpu":
        return str(from_milli(amount))
    return str(from_value(amount, BINARY if resource in ("memory", "ephemeral-storage") else DECIMAL))


def _hint(info: PodInfo, event: Event) -> bool:
    """A node helps that is large enough when empty; a pod that went or shrank, when it gave back something that is asked for."""
    if event.name.startswith("Node/"):
        held = amounts(((event.after or {}).get("status") or {}).get("allocatable") or {})
        return all(held.get(resource, 0) >= amount for resource, amount in (*info.requests.amounts, ("pods", 1)))
    if event.name == "Pod/Delete" or event.before is None or event.after is None:
        return True
    before, after = dict(pod_requests(event.before).amounts), dict(pod_requests(event.after).amounts)
    return any(after.get(resource, 0) < before.get(resource, 0) for resource, _ in info.requests.amounts)


def _score(cycle: Cycle, mask: Mask, args: Args) -> Scores:
    columns, requests = cycle.columns, cycle.requests
    asked = dict(requests.amounts)
    total, weights = np.zeros(len(columns.nodes)), np.zeros(len(columns.nodes))
    for resource, weight in args.resources:
        column = columns.column(resource)
        if column in (CPU, MEMORY):
            # containers that ask for nothing count for a little, lest they all go to one node
            requested = columns.nonzero[:, column] + (
                requests.nonzero_cpu if column == CPU else requests.nonzero_memory
            )
        elif resource in asked:
            requested = columns.requested[:, column] + asked[resource]
        else:
            continue
        capacity = columns.allocatable[:, column]
        points = args.used(requested, capacity)
        counts = (capacity > 0) & (points > 0) if args.rounded else capacity > 0
        total += np.where(counts, points * weight, 0.0)
        weights += np.where(counts, float(weight), 0.0)
    mean = total / np.maximum(weights, 1.0)
    return np.round(mean) if args.rounded else np.floor(mean)


def configured(args: Obj) -> Plugin:
    """Return the plug-in with `scoringStrategy`, `ignoredResources` and `ignoredResourceGroups`. Raises `ValueError`."""
    strategy = args.get("scoringStrategy") or {}
    kind = strategy.get("type", "LeastAllocated")
    resources = tuple((each["name"], int(each.get("weight") or 1)) for each in strategy.get("resources") or ())
    for name, weight in resources:
        if not 1 <= weight <= MAX_SCORE:
            raise ValueError(
                f"resource weight of {name} should be a positive value, got {weight}; not in valid range [1, 100]"
            )
    if kind not in ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"):
        supported = '"LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"'
        raise ValueError(f'scoringStrategy.type: Unsupported value: "{kind}": supported values: {supported}')
    used = {"LeastAllocated": least, "MostAllocated": most}.get(kind) or functools.partial(
        _ratio, shape=_shape(strategy)
    )
    return _plugin(
        Args(
            used,
            resources or Args(least).resources,
            kind == "RequestedToCapacityRatio",
            frozenset(args.get("ignoredResources") or ()),
            frozenset(args.get("ignoredResourceGroups") or ()),
        )
    )


def _shape(strategy: Obj) -> tuple[tuple[int, int], ...]:
    points = (strategy.get("requestedToCapacityRatio") or {}).get("shape") or ()
    shape = tuple((int(each.get("utilization") or 0), int(each.get("score") or 0)) for each in points)
    if not shape:
        raise ValueError("requestedToCapacityRatio.shape: Required value: at least one point must be specified")
    if any(not 0 <= used <= 100 for used, _ in shape) or any(not 0 <= score <= _MAX_SHAPE for _, score in shape):
        raise ValueError("requestedToCapacityRatio.shape: utilization must be in [0, 100], score in [0, 10]")
    if any(one[0] >= other[0] for one, other in itertools.pairwise(shape)):
        raise ValueError("requestedToCapacityRatio.shape: utilization values must be sorted in increasing order")
    return shape


def _plugin(args: Args) -> Plugin:
    return Plugin(
        "NodeResourcesFit",
        filter=functools.partial(_filter, args=args),
        refuses=functools.partial(_refuses, args=args),
        by_requests=True,
        lacking=functools.partial(_lacking, args=args),
        score=functools.partial(_score, args=args),
        events=frozenset({"Node/Add", "Node/Allocatable", "Pod/Delete", "Pod/Update"}),
        hint=_hint,
        configure=configured,
    )


PLUGIN = _plugin(Args(least))
