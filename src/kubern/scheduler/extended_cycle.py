"""A scheduling cycle that asks extenders: the plug-ins' filters, the extenders', the scores of both."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np

from kubern.base.errors import InternalError
from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.cycle import Filtered, Placed, Unplaced, choose, find, unplaced
from kubern.scheduler.extender import Extender, Extenders
from kubern.scheduler.framework import Cycle, Plugin, Refusal, Scores
from kubern.scheduler.nominations import Nominations


async def schedule_extended(
    cycle: Cycle, plugins: Sequence[Plugin], asking: Extenders, nominations: Nominations, chance: random.Random
) -> Placed | Unplaced:
    """Like `cycle.schedule`. Raises `InternalError` when an extender that matters fails."""
    with nominations.as_seen_by(cycle.info):
        found = find(cycle, plugins, nominations)
    if not isinstance(found, Filtered):
        return found
    columns, refused = cycle.columns, [*found.refused]
    names = [
        node["metadata"]["name"] for node, left in zip(columns.nodes, found.feasible, strict=True) if node and left
    ]
    extenders = asking.concerning(cycle.pod)
    for extender in extenders:
        names, refusals = await _asked(cycle, asking, extender, names)
        refused += [(Plugin(extender.url), refusals)] if refusals else []
        if not names:
            return unplaced(cycle, refused)
    points: dict[str, float] = {}
    for extender in extenders:
        for name, score in (await asking.prioritize(extender, cycle.pod, _nodes(columns, names))).items():
            points[name] = points.get(name, 0.0) + score
    # nodes may have come and gone while the extenders were thinking
    left = _mask(columns, names)
    if not left.any():
        return unplaced(cycle, refused)
    with nominations.as_seen_by(cycle.info):
        return choose(cycle, plugins, left, chance, _scores(columns, points))


async def _asked(
    cycle: Cycle, asking: Extenders, extender: Extender, names: list[str]
) -> tuple[list[str], list[Refusal]]:
    columns = cycle.columns
    try:
        selection = await asking.filter(extender, cycle.pod, _nodes(columns, names))
    except InternalError:
        if extender.ignorable:
            return names, []
        raise
    refusals = [
        Refusal(_mask(columns, [name for name, text in failed.items() if text == reason]), reason, lasting)
        for failed, lasting in ((selection.final, True), (selection.failed, False))
        for reason in dict.fromkeys(failed.values())
    ]
    return selection.names, refusals


def _nodes(columns: Columns, names: list[str]) -> list[dict[str, object]]:
    rows = (columns.rows.get(name) for name in names)
    return [node for row in rows if row is not None and (node := columns.nodes[row]) is not None]


def _mask(columns: Columns, names: list[str]) -> Mask:
    mask = np.zeros(len(columns.nodes), np.bool_)
    mask[[columns.rows[name] for name in names if name in columns.rows]] = True
    return mask


def _scores(columns: Columns, points: Mapping[str, float]) -> Scores:
    scores = np.zeros(len(columns.nodes))
    for name, score in points.items():
        if name in columns.rows:
            scores[columns.rows[name]] = score
    return scores
