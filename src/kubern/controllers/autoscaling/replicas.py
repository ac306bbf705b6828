"""From one metric to a number of replicas: the rules of missing metrics and of pods that are not ready yet. Pure.

What always holds: pods that say nothing are counted on the careful side (as if they used their target when scaling down, nothing when
scaling up), and never turn the direction round. Source: the documentation "Horizontal Pod Autoscaling", algorithm details.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple

from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.base.quantity import parse
from kubern.controllers.autoscaling.model import Facts, MetricError, PodValue
from kubern.controllers.pods import condition, is_ready

NO_METRICS = "did not receive metrics for targeted pods (pods might be unready)"


class Grouped(NamedTuple):
    """The pods' names by what their metrics are worth."""

    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


class Proposal(NamedTuple):
    """The replicas that a metric asks for, with what the status shows: percent (or None), and the average or total in thousandths."""

    replicas: int
    utilization: int | None
    value: int


def group(facts: Facts, metrics: Mapping[str, PodValue], resource: str) -> Grouped:
    """Tell the pods whose metrics count from those whose metrics do not."""
    ready, unready, missing, ignored = 0, set(), set(), set()
    for pod in facts.pods:
        name, phase = pod["metadata"]["name"], (pod.get("status") or {}).get("phase")
        if pod["metadata"].get("deletionTimestamp") or phase == "Failed":
            ignored.add(name)
        elif phase == "Pending":
            unready.add(name)
        elif name not in metrics:
            missing.add(name)
        elif resource == "cpu" and _starts(facts, pod, metrics[name]):
            unready.add(name)
        else:
            ready += 1
    return Grouped(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _starts(facts: Facts, pod: Obj, metric: PodValue) -> bool:
    """Whether a pod is still starting, so that its CPU says nothing of its load."""
    ready, started = condition(pod, "Ready"), (pod.get("status") or {}).get("startTime")
    if ready is None or not started:
        return True
    start, settings = parse_time(started), facts.settings
    changed = parse_time(ready.get("lastTransitionTime") or started)
    if start + timedelta(seconds=settings.cpu_initialization_period) > facts.now:
        return ready["status"] == "False" or metric.time < changed + metric.window
    return ready["status"] == "False" and start + timedelta(seconds=settings.initial_readiness_delay) > changed


def pod_requests(pods: Iterable[Obj], container: str, resource: str) -> dict[str, int]:
    """Return what each pod's containers (or one of them) request, in thousandths. Raises `MetricError`."""
    requests = {}
    for pod in pods:
        name, spec = pod["metadata"]["name"], pod["spec"]
        restartable = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
        total = 0
        for each in [*spec["containers"], *restartable]:
            if container and each["name"] != container:
                continue
            asked = ((each.get("resources") or {}).get("requests") or {}).get(resource)
            if asked is None:
                raise MetricError(f"missing request for {resource} in container {each['name']} of Pod {name}")
            total += parse(asked).milli()
        requests[name] = total
    return requests


def by_utilization(
    facts: Facts, metrics: Mapping[str, PodValue], target: int, resource: str, container: str = ""
) -> Proposal:
    """Return the replicas for which the pods use `target` percent of their requests. Raises `MetricError`."""
    grouped = group(facts, metrics, resource)
    held = _counted(metrics, grouped)
    requests = pod_requests(facts.pods, container, resource)
    if not held:
        raise MetricError(NO_METRICS)

    def ratio_of(values: Mapping[str, int]) -> tuple[float, int, int]:
        used = {name: value for name, value in values.items() if name in requests}
        asked = sum(requests[name] for name in used)
        if asked == 0:
            raise MetricError("no metrics returned matched known pods")
        percent = sum(used.values()) * 100 // asked
        return percent / target, percent, sum(used.values()) // len(used)

    ratio, percent, average = ratio_of(held)
    fallback = max(100, target)
    filled = {name: requests[name] * fallback // 100 for name in grouped.missing}
    replicas = _settled(facts, grouped, held, ratio, filled, lambda values: ratio_of(values)[0])
    return Proposal(replicas, percent, average)


def by_average(facts: Facts, metrics: Mapping[str, PodValue], target: int, resource: str = "") -> Proposal:
    """Return the replicas for which the pods' average is `target` thousandths. Raises `MetricError`."""
    grouped = group(facts, metrics, resource)
    held = _counted(metrics, grouped)
    if not held:
        raise MetricError(NO_METRICS)

    def ratio_of(values: Mapping[str, int]) -> float:
        return sum(values.values()) // len(values) / target

    filled = dict.fromkeys(grouped.missing, target)
    replicas = _settled(facts, grouped, held, ratio_of(held), filled, ratio_of)
    return Proposal(replicas, None, sum(held.values()) // len(held))


def _counted(metrics: Mapping[str, PodValue], grouped: Grouped) -> dict[str, int]:
    out = grouped.unready | grouped.ignored
    return {name: metric.value for name, metric in metrics.items() if name not in out}


def _settled(
    facts: Facts,
    grouped: Grouped,
    held: Mapping[str, int],
    ratio: float,
    filled: Mapping[str, int],
    ratio_of: Callable[[Mapping[str, int]], float],
) -> int:
    """Return the replicas for a ratio, with those counted in that said nothing; `filled` is what they use at most."""
    starting = bool(grouped.unready) and ratio > 1.0
    if not starting and not grouped.missing:
        return facts.current if facts.tolerances.within(ratio) else math.ceil(ratio * grouped.ready)
    values = dict(held)
    if ratio < 1.0:
        values |= filled
    elif ratio > 1.0:
        values |= dict.fromkeys(grouped.missing, 0)
    if starting:
        values |= dict.fromkeys(grouped.unready, 0)
    again = ratio_of(values)
    turned = (ratio < 1.0 < again) or (again < 1.0 < ratio)
    if facts.tolerances.within(again) or turned:
        return facts.current
    replicas = math.ceil(again * len(values))
    wrong_way = (again < 1.0 and replicas > facts.current) or (again > 1.0 and replicas < facts.current)
    return facts.current if wrong_way else replicas


def by_value(facts: Facts, usage: int, target: int) -> Proposal:
    """Return the replicas for which one number, which all pods share, is `target`."""
    ratio = usage / target
    if facts.tolerances.within(ratio):
        return Proposal(facts.current, None, usage)
    if facts.current == 0:
        return Proposal(math.ceil(ratio), None, usage)
    ready = sum(1 for pod in facts.pods if (pod.get("status") or {}).get("phase") == "Running" and is_ready(pod))
    return Proposal(math.ceil(ratio * ready), None, usage)


def by_share(facts: Facts, usage: int, target: int) -> Proposal:
    """Return the replicas for which each one's share of a number is `target`."""
    ratio = usage / (target * facts.status_replicas) if facts.status_replicas else math.inf
    replicas = facts.status_replicas if facts.tolerances.within(ratio) else math.ceil(usage / target)
    average = math.ceil(usage / facts.status_replicas) if facts.status_replicas else 0
    return Proposal(replicas, None, average)
