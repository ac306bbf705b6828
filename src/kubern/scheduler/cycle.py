"""One scheduling cycle: which node, or why none. Pure given the columns; the random number breaks ties."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kubern.scheduler.columns import Mask
from kubern.scheduler.framework import Cycle, Plugin, Refusal, Scores


class Placed(NamedTuple):
    """The node chosen, with each plug-in's weighted score of it."""

    node: str
    scores: dict[str, float]


class Unplaced(NamedTuple):
    """No node fits: upstream's message, and the events that may change that."""

    message: str
    events: frozenset[str]


def schedule(cycle: Cycle, plugins: Sequence[Plugin], chance: random.Random) -> Placed | Unplaced:
    """Run the filters, then the scores of what is left, and choose among the best."""
    columns = cycle.columns
    feasible = columns.present.copy()
    if not feasible.any():
        return Unplaced("no nodes available to schedule pods", frozenset({"Node/Add"}))
    refused: list[tuple[Plugin, list[Refusal]]] = []
    for plugin in plugins:
        if plugin.filter is None:
            continue
        refusals = plugin.filter(cycle)
        # a node that an earlier plug-in refused is that plug-in's: upstream stops at the first refusal of a node
        mine = [Refusal(r.nodes & feasible, r.reason, r.lasting) for r in refusals]
        mine = [r for r in mine if r.nodes.any()]
        if mine:
            refused.append((plugin, mine))
            for refusal in mine:
                feasible &= ~refusal.nodes
    rows = np.flatnonzero(feasible)
    if not len(rows):
        return _unplaced(cycle, refused)
    if len(rows) == 1:
        return Placed(_name(cycle, int(rows[0])), {})
    return _best(cycle, plugins, feasible, rows, chance)


def _best(
    cycle: Cycle,
    plugins: Sequence[Plugin],
    feasible: Mask,
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    chance: random.Random,
) -> Placed:
    scores: dict[str, Scores] = {}
    for plugin in plugins:
        if plugin.score is not None:
            raw = plugin.score(cycle, feasible)
            scores[plugin.name] = (plugin.normalize(raw, feasible) if plugin.normalize else raw) * plugin.weight
    total = np.sum(list(scores.values()), axis=0) if scores else np.zeros(len(cycle.columns.nodes))
    top = rows[total[rows] == total[rows].max()]
    row = int(top[chance.randrange(len(top))])
    return Placed(_name(cycle, row), {name: float(each[row]) for name, each in scores.items()})


def _name(cycle: Cycle, row: int) -> str:
    node = cycle.columns.nodes[row]
    assert node is not None
    name: str = node["metadata"]["name"]
    return name


def _unplaced(cycle: Cycle, refused: Sequence[tuple[Plugin, Sequence[Refusal]]]) -> Unplaced:
    """Return upstream's sentence: `0/5 nodes are available: 2 Too many pods, 3 Insufficient cpu.`"""
    counts: dict[str, int] = {}
    for _, refusals in refused:
        for refusal in refusals:
            counts[refusal.reason] = counts.get(refusal.reason, 0) + int(np.count_nonzero(refusal.nodes))
    nodes = int(np.count_nonzero(cycle.columns.present))
    reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    events = frozenset(event for plugin, _ in refused for event in plugin.events)
    return Unplaced(f"0/{nodes} nodes are available: {reasons}.", events)
