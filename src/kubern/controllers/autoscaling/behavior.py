"""How fast and how far the replicas may go: the limits, the policies of `spec.behavior`, and the stabilisation windows. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.autoscaling.model import Settings, Tolerances

READY = ("ReadyForNewScale", "recommended size matches current size")
DOWN_STABILIZED = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)
UP_STABILIZED = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")
TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
UP_LIMIT = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
DOWN_LIMIT = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")
_UP_FACTOR, _UP_LEAST = 2, 4
"""Without a behavior, the replicas at most double, or become four."""


class Recommendation(NamedTuple):
    """What was computed at a time, before any limit."""

    replicas: int
    time: datetime


class ScaleEvent(NamedTuple):
    """By how many replicas the target was changed at a time: up is positive."""

    change: int
    time: datetime


class Memory(NamedTuple):
    """What a decision needs of those before it."""

    recommendations: tuple[Recommendation, ...] = ()
    events: tuple[ScaleEvent, ...] = ()


class Limited(NamedTuple):
    """The replicas after all limits, with reason and message of the two conditions."""

    replicas: int
    able: tuple[str, str]
    limited: tuple[str, str] | None
    """None: nothing was limited."""


def tolerances(spec: Obj, settings: Settings) -> Tolerances:
    """Return an autoscaler's tolerances: its own, the cluster's where it has none."""
    from kubern.base.quantity import parse

    behavior = spec.get("behavior") or {}
    own = [(behavior.get(way) or {}).get("tolerance") for way in ("scaleDown", "scaleUp")]
    down, up = (settings.tolerance if one is None else float(parse(one)) for one in own)
    return Tolerances(down, up)


def limit(spec: Obj, current: int, desired: int, memory: Memory, now: datetime, settings: Settings) -> Limited:
    """Return what becomes of `desired`, which is the newest of the memory's recommendations."""
    behavior = spec.get("behavior")
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if not behavior:
        recent = _recent(memory.recommendations, settings.downscale_stabilization, now)
        stable = max([desired, *(one.replicas for one in recent)])
        able = READY if stable == desired else DOWN_STABILIZED
        replicas, limited = _by_rules(current, stable, least, most)
        return Limited(replicas, able, limited)
    up, down = behavior.get("scaleUp") or {}, behavior.get("scaleDown") or {}
    stable = _stabilized(current, desired, memory, now, (up, down, settings))
    able = READY
    if stable != desired:
        able = UP_STABILIZED if desired > current else DOWN_STABILIZED
    replicas, limited = _by_policies(current, stable, (least, most), memory.events, now, (up, down))
    return Limited(replicas, able, limited)


def _recent(recommendations: Iterable[Recommendation], seconds: float, now: datetime) -> list[Recommendation]:
    after = now - timedelta(seconds=seconds)
    return [one for one in recommendations if one.time > after]


def _stabilized(
    current: int, desired: int, memory: Memory, now: datetime, rules: tuple[Obj, Obj, Settings]
) -> int:  # fmt: skip
    up, down, settings = rules
    up_window = up.get("stabilizationWindowSeconds") or 0
    given = down.get("stabilizationWindowSeconds")
    down_window = settings.downscale_stabilization if given is None else given
    lowest = min([desired, *(one.replicas for one in _recent(memory.recommendations, up_window, now))])
    highest = max([desired, *(one.replicas for one in _recent(memory.recommendations, down_window, now))])
    return min(max(current, lowest), highest)


def _by_rules(current: int, desired: int, least: int, most: int) -> tuple[int, tuple[str, str] | None]:
    if desired < least:
        return least, TOO_FEW
    rate = max(_UP_FACTOR * current, _UP_LEAST)
    top, reason = (rate, UP_LIMIT) if most > rate else (most, TOO_MANY)
    return (top, reason) if desired > top else (desired, None)


def _by_policies(
    current: int,
    desired: int,
    limits: tuple[int, int],
    events: Sequence[ScaleEvent],
    now: datetime,
    rules: tuple[Obj, Obj],
) -> tuple[int, tuple[str, str] | None]:
    least, most = limits
    if desired > current:
        rate = max(scale_up_limit(current, events, now, rules[0]), current)
        top, reason = (rate, UP_LIMIT) if most > rate else (most, TOO_MANY)
        return (top, reason) if desired > top else (desired, None)
    if desired < current:
        rate = min(scale_down_limit(current, events, now, rules[1]), current)
        bottom, reason = (rate, DOWN_LIMIT) if least < rate else (least, TOO_FEW)
        return (bottom, reason) if desired < bottom else (desired, None)
    return desired, None


def scale_up_limit(current: int, events: Sequence[ScaleEvent], now: datetime, rules: Obj) -> int:
    """Return the most replicas that the policies allow now."""

    def one(policy: Obj, start: int) -> int:
        if policy["type"] == "Pods":
            return start + int(policy["value"])
        return math.ceil(start * (100 + int(policy["value"])) / 100)

    return _rate(current, events, now, rules, one, max)


def scale_down_limit(current: int, events: Sequence[ScaleEvent], now: datetime, rules: Obj) -> int:
    """Return the fewest replicas that the policies allow now."""

    def one(policy: Obj, start: int) -> int:
        if policy["type"] == "Pods":
            return start - int(policy["value"])
        return start * (100 - int(policy["value"])) // 100

    return _rate(current, events, now, rules, one, min)


def _rate(
    current: int,
    events: Sequence[ScaleEvent],
    now: datetime,
    rules: Obj,
    one: Callable[[Obj, int], int],
    widest: Callable[[Iterable[int]], int],
) -> int:
    """Return where the policies end: the widest of them, or the narrowest; where they are off, where it is."""
    select, policies = rules.get("selectPolicy", "Max"), rules.get("policies") or ()
    if select == "Disabled" or not policies:
        return current
    ends = []
    for policy in policies:
        after = now - timedelta(seconds=policy["periodSeconds"])
        start = current - sum(event.change for event in events if event.time > after)
        ends.append(one(policy, start))
    narrowest = min if widest is max else max
    return widest(ends) if select == "Max" else narrowest(ends)
