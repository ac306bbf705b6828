"""DefaultPreemption: which pods would have to leave which node so that a more important pod fits. Decides only; the loop carries out.

On each node that other pods' end might open, all pods of lower priority are taken out, and as many as possible are let back in: first those
whose eviction a PodDisruptionBudget forbids, then the more important ones. Of the nodes, the one that is harmed least is chosen.
Source: the Kubernetes documentation, "Pod Priority and Preemption".
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kubern.api.selectors import selects
from kubern.base.json import Obj
from kubern.scheduler.columns import Mask
from kubern.scheduler.framework import Cycle, Eviction, Helpless, Plugin, never
from kubern.scheduler.listers import DISRUPTION_BUDGETS
from kubern.scheduler.nominations import GHOST
from kubern.scheduler.podinfo import PodInfo

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
NAME = "DefaultPreemption"
QUESTIONS = 8
"""Different questions whose answers are remembered."""
Harm = tuple[object, ...]
Known = dict[int, tuple[int, Harm, Eviction | list[str]]]
"""By row: the version of its pods, and the answer."""


class Share(NamedTuple):
    """How many nodes are looked at before one is chosen: `percent` of all, `least` at least."""

    percent: int = 10
    least: int = 100


def preempt(
    cycle: Cycle, plugins: Sequence[Plugin], helpable: Mask, chance: random.Random, share: Share
) -> Eviction | Helpless:
    """Return the node where preemption does the least harm. The columns are as they were afterwards."""
    why = _ineligible(cycle, helpable)
    if why:
        return Helpless(f"not eligible due to {why}.", ineligible=True)
    columns = cycle.columns
    rows = np.flatnonzero(helpable)
    reasons: dict[str, int] = {}
    if number := len(columns.rows) - len(rows):
        reasons[NOT_HELPFUL] = number
    offset = chance.randrange(len(rows)) if len(rows) else 0
    wanted = max(share.least, len(columns.rows) * share.percent // 100)
    asking = _asking(cycle, plugins)
    found: list[tuple[Harm, Eviction]] = []
    safe = False
    for row in (*rows[offset:].tolist(), *rows[:offset].tolist()):
        harm, outcome = asking.on_node(row)
        if isinstance(outcome, Eviction):
            found.append((harm, outcome))
            safe = safe or not outcome.violations
            if safe and len(found) >= wanted:
                break
        else:
            for reason in outcome:
                reasons[reason] = reasons.get(reason, 0) + 1
    if found:
        return min(found, key=lambda each: each[0])[1]
    text = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    return Helpless(f"0/{len(columns.rows)} nodes are available: {text}.")


class _Asking:
    """What one pod asks of many nodes. Answers are remembered for pods that ask for the same, until the node's pods change."""

    def __init__(self, cycle: Cycle, plugins: Sequence[Plugin], budgets: list[Obj], known: Known | None) -> None:
        self._cycle, self._plugins, self._budgets = cycle, plugins, budgets
        self._known = known

    def on_node(self, row: int) -> tuple[Harm, Eviction | list[str]]:
        """Return who would have to leave a node and how bad that is, or why it does not help."""
        version = self._cycle.columns.versions[row]
        held = self._known.get(row) if self._known is not None else None
        if held is not None and held[0] == version:
            return held[1], held[2]
        outcome = _on_node(self._cycle, self._plugins, row, self._budgets)
        # everybody is back where they were
        self._cycle.columns.versions[row] = version
        harm = _harm(outcome) if isinstance(outcome, Eviction) else ()
        if self._known is not None:
            self._known[row] = (version, harm, outcome)
        return harm, outcome


def _asking(cycle: Cycle, plugins: Sequence[Plugin]) -> _Asking:
    """Return the question, reduced to the plug-ins that other pods' end concerns."""
    budgets = [*cycle.listers.list(DISRUPTION_BUDGETS)]
    asked = [
        plugin
        for plugin in plugins
        if (plugin.filter or plugin.refuses)
        and plugin.refuses is not never
        and not (plugin.skips and plugin.skips(cycle))
    ]
    if not all(plugin.by_requests for plugin in asked):
        return _Asking(cycle, asked, budgets, None)
    question = (
        cycle.requests,
        cycle.info.priority,
        tuple(id(plugin) for plugin in asked),
        tuple((budget["metadata"]["name"], budget["metadata"].get("resourceVersion")) for budget in budgets),
    )
    memory: dict[object, Known] = cycle.columns.notes.setdefault(NAME, {})
    if question not in memory and len(memory) >= QUESTIONS:
        memory.clear()
    return _Asking(cycle, asked, budgets, memory.setdefault(question, {}))


def _ineligible(cycle: Cycle, helpable: Mask) -> str:
    """Return why a pod may not preempt, empty when it may."""
    spec, columns = cycle.pod["spec"], cycle.columns
    if spec.get("preemptionPolicy") == "Never":
        return "preemptionPolicy=Never"
    nominated = (cycle.pod.get("status") or {}).get("nominatedNodeName")
    row = columns.rows.get(nominated or "")
    if row is not None and helpable[row]:
        leaving = (info for info in columns.on[row].values() if info.terminating)
        if any(info.priority < cycle.info.priority for info in leaving):
            return "a terminating pod on the nominated node"
    return ""


def _on_node(cycle: Cycle, plugins: Sequence[Plugin], row: int, budgets: list[Obj]) -> Eviction | list[str]:
    """Return who would have to leave a node, or why that does not help."""
    columns, priority = cycle.columns, cycle.info.priority
    node = columns.nodes[row]
    assert node is not None
    name: str = node["metadata"]["name"]
    lower = [info for info in columns.on[row].values() if info.priority < priority and not info.uid.startswith(GHOST)]
    if not lower:
        return [NO_VICTIMS]
    lower.sort(key=_importance)
    for info in lower:
        columns.remove_pod(info.uid)
    out = {info.uid for info in lower}
    try:
        reasons = refusals_of(cycle, plugins, row)
        if reasons:
            return reasons
        protected = _protected(lower, budgets)
        violations = 0
        for info in sorted(lower, key=lambda each: each.uid not in protected):
            columns.add_pod(info, name)
            if refusals_of(cycle, plugins, row):
                columns.remove_pod(info.uid)
                violations += info.uid in protected
            else:
                out.discard(info.uid)
    finally:
        victims = tuple(info for info in lower if info.uid in out)
        for info in victims:
            columns.add_pod(info, name)
    return Eviction(name, victims, violations)


def refusals_of(cycle: Cycle, plugins: Sequence[Plugin], row: int) -> list[str]:
    """Return why the first plug-in that refuses a node does so; empty when none does."""
    for plugin in plugins:
        if plugin.refuses is not None:
            if reasons := plugin.refuses(cycle, row):
                return reasons
        elif plugin.filter is not None and (
            reasons := [refusal.reason for refusal in plugin.filter(cycle) if refusal.nodes[row]]
        ):
            return reasons
    return []


def _protected(pods: list[PodInfo], budgets: list[Obj]) -> set[str]:
    """Return the uids of pods whose eviction would break a PodDisruptionBudget, given that those before them go."""
    left: dict[int, int] = {}
    protected = set()
    for info in pods:
        for index, budget in enumerate(budgets):
            if budget["metadata"].get("namespace") != info.namespace or not info.labels:
                continue
            selector, status = budget["spec"].get("selector"), budget.get("status") or {}
            if not selector or not selects(selector, info.labels):
                continue
            # whoever is listed there is leaving anyway, and has been counted
            if info.name in (status.get("disruptedPods") or {}):
                continue
            left[index] = left.get(index, status.get("disruptionsAllowed") or 0) - 1
            if left[index] < 0:
                protected.add(info.uid)
    return protected


def _started(info: PodInfo) -> str:
    status = info.pod.get("status") or {}
    # a pod that has not started counts as the youngest
    return status.get("startTime") or "9999"


def _importance(info: PodInfo) -> tuple[int, str]:
    """Order pods the most important first: higher priority, then longer running."""
    return -info.priority, _started(info)


def _harm(eviction: Eviction) -> tuple[int, int, int, int, tuple[int, ...]]:
    """Order nodes: broken budgets, highest priority, sum of priorities, number, age of the oldest victim."""
    victims = eviction.victims
    if not victims:
        return (0, -(2**31), 0, 0, ())
    highest = victims[0].priority
    oldest = min(_started(info) for info in victims if info.priority == highest)
    # of equal nodes, the one whose oldest victim is the youngest: the later the text, the smaller the key
    return (
        eviction.violations,
        highest,
        sum(info.priority + 2**31 for info in victims),
        len(victims),
        tuple(-ord(character) for character in oldest),
    )


def configured(args: Obj) -> Plugin:
    """Return the plug-in with `minCandidateNodesPercentage` and `minCandidateNodesAbsolute`. Raises `ValueError`."""
    percent, least = args.get("minCandidateNodesPercentage", 10), args.get("minCandidateNodesAbsolute", 100)
    if not isinstance(percent, int) or not 0 <= percent <= 100:
        raise ValueError(f"minCandidateNodesPercentage: Invalid value: {percent}: not in valid range [0, 100]")
    if not isinstance(least, int) or least < 0:
        raise ValueError(f"minCandidateNodesAbsolute: Invalid value: {least}: not in valid range [0, inf)")
    if not percent and not least:
        raise ValueError("both minCandidateNodesPercentage and minCandidateNodesAbsolute cannot be zero")
    return _plugin(Share(percent, least))


def _plugin(share: Share) -> Plugin:
    return Plugin(NAME, post_filter=functools.partial(preempt, share=share), configure=configured)


PLUGIN = _plugin(Share())
