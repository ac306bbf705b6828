"""One scheduling cycle: which node, or why none. Pure given the columns; the random number breaks ties."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kubern.scheduler.columns import Mask
from kubern.scheduler.framework import Cycle, Plugin, Refusal, Scores
from kubern.scheduler.nominations import Nominations


class Placed(NamedTuple):
    """The node chosen, with each plug-in's weighted score of it."""

    node: str
    scores: dict[str, float]


class Unplaced(NamedTuple):
    """No node fits: upstream's message, the plug-ins that refused, and which nodes other pods' end might open."""

    message: str
    refused_by: tuple[Plugin, ...]
    helpable: Mask | None = None


class Filtered(NamedTuple):
    """Which nodes are left, and who refused the others (each node once: by the first plug-in that did)."""

    feasible: Mask
    refused: list[tuple[Plugin, list[Refusal]]]


def schedule(
    cycle: Cycle, plugins: Sequence[Plugin], chance: random.Random, nominations: Nominations | None = None
) -> Placed | Unplaced:
    """Run the filters, then the scores of what is left, and choose among the best; the node that the pod has a claim on comes first."""
    found = find(cycle, plugins, nominations)
    return choose(cycle, plugins, found.feasible, chance) if isinstance(found, Filtered) else found


def find(cycle: Cycle, plugins: Sequence[Plugin], nominations: Nominations | None) -> Filtered | Placed | Unplaced:
    """Run the filters. Returns nodes to choose from, or the outcome when there is no choice."""
    columns = cycle.columns
    if not columns.rows:
        return Unplaced("no nodes available to schedule pods", ())
    for plugin in plugins:
        reason = plugin.pre_filter(cycle) if plugin.pre_filter else ""
        if reason:
            message = f"0/{len(columns.rows)} nodes are available: {reason}."
            return Unplaced(message, (plugin,), np.zeros_like(columns.present))
    feasible, refused = filtered(cycle, plugins)
    if nominations is not None:
        feasible &= _without_claims(cycle, plugins, nominations)
        claimed = columns.rows.get(nominations.node_of(cycle.info.uid))
        if claimed is not None and feasible[claimed]:
            return Placed(_name(cycle, claimed), {})
    return Filtered(feasible, refused) if feasible.any() else unplaced(cycle, refused)


def choose(
    cycle: Cycle, plugins: Sequence[Plugin], feasible: Mask, chance: random.Random, more: Scores | None = None
) -> Placed:
    """Return the best of the feasible nodes, by chance among equals. `more`: points from outside."""
    rows = np.flatnonzero(feasible)
    if len(rows) == 1:
        return Placed(_name(cycle, int(rows[0])), {})
    scores = scored(cycle, plugins, feasible)
    if more is not None:
        scores["extenders"] = more
    total = np.zeros(len(rows))
    for each in scores.values():
        total += each[rows]
    top = rows[total == total.max()]
    row = int(top[chance.randrange(len(top))])
    return Placed(_name(cycle, row), {name: float(each[row]) for name, each in scores.items()})


def _without_claims(cycle: Cycle, plugins: Sequence[Plugin], nominations: Nominations) -> Mask:
    """Return the nodes that do not depend on a pod which is only expected there: that may never come."""
    info, present = cycle.info, cycle.columns.present
    # others that are expected can only help a pod that wants company, or an even spread
    if not (info.affinity.required or info.pod["spec"].get("topologySpreadConstraints")):
        return present
    rows = nominations.rows()
    if rows is None:
        return present
    with nominations.none():
        feasible: Mask = filtered(cycle, plugins).feasible | ~rows
    return feasible


def filtered(cycle: Cycle, plugins: Sequence[Plugin]) -> Filtered:
    """Run all filters until no node is left."""
    feasible = cycle.columns.present.copy()
    refused: list[tuple[Plugin, list[Refusal]]] = []
    for plugin in plugins:
        if plugin.filter is None:
            continue
        # a node that an earlier plug-in refused is that plug-in's: upstream stops at the first refusal of a node
        mine = [Refusal(r.nodes & feasible, r.reason, r.lasting) for r in plugin.filter(cycle)]
        mine = [r for r in mine if r.nodes.any()]
        if mine:
            refused.append((plugin, mine))
            for refusal in mine:
                feasible &= ~refusal.nodes
            if not feasible.any():
                break
    return Filtered(feasible, refused)


def scored(cycle: Cycle, plugins: Sequence[Plugin], feasible: Mask) -> dict[str, Scores]:
    """Return each plug-in's weighted score of every node; plug-ins to which all nodes are equal are left out."""
    scores: dict[str, Scores] = {}
    for plugin in plugins:
        raw = plugin.score(cycle, feasible) if plugin.score is not None and plugin.weight else None
        if raw is not None:
            scores[plugin.name] = (plugin.normalize(raw, feasible) if plugin.normalize else raw) * plugin.weight
    return scores


def _name(cycle: Cycle, row: int) -> str:
    node = cycle.columns.nodes[row]
    assert node is not None
    name: str = node["metadata"]["name"]
    return name


def unplaced(cycle: Cycle, refused: Sequence[tuple[Plugin, Sequence[Refusal]]]) -> Unplaced:
    """Return upstream's sentence: `0/5 nodes are available: 2 Too many pods, 3 Insufficient cpu.`"""
    counts: dict[str, int] = {}
    for _, refusals in refused:
        for refusal in refusals:
            counts[refusal.reason] = counts.get(refusal.reason, 0) + int(np.count_nonzero(refusal.nodes))
    reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    helpable = cycle.columns.present.copy()
    for _, refusals in refused:
        for refusal in refusals:
            if refusal.lasting:
                helpable &= ~refusal.nodes
    message = f"0/{len(cycle.columns.rows)} nodes are available: {reasons}."
    return Unplaced(message, tuple(plugin for plugin, _ in refused), helpable)
