"""Every metric of an autoscaler: the replicas that it asks for, and what the status says of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.base.quantity import from_milli, parse
from kubern.controllers.autoscaling.model import Facts, Fetched, MetricError
from kubern.controllers.autoscaling.replicas import Proposal, by_average, by_share, by_utilization, by_value

REASONS = {
    "Resource": "FailedGetResourceMetric", "ContainerResource": "FailedGetContainerResourceMetric",
    "Object": "FailedGetObjectMetric", "Pods": "FailedGetPodsMetric", "External": "FailedGetExternalMetric",
}  # fmt: skip
FIELDS = {
    "Resource": "resource", "ContainerResource": "containerResource", "Object": "object", "Pods": "pods",
    "External": "external",
}  # fmt: skip


NO_TARGET = (
    "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
)


class Failure(NamedTuple):
    """Why a metric has no say: the condition's reason, and what went wrong."""

    reason: str
    text: str
    what: str
    """How messages call the metric."""


class Proposals(NamedTuple):
    """What all metrics together ask for; no `metric` when there is none to be had."""

    replicas: int
    metric: str
    statuses: tuple[Obj, ...]
    failures: tuple[Failure, ...]


def propose_all(facts: Facts, specs: Sequence[Obj], fetched: Sequence[Fetched]) -> Proposals:
    """Return the most that a metric asks for."""
    replicas, chosen, statuses, failures = 0, "", [], []
    for spec, got in zip(specs, fetched, strict=True):
        try:
            proposal = _propose(facts, spec, got)
        except MetricError as error:
            reason = REASONS.get(spec["type"], "InvalidMetricSourceType")
            failures.append(Failure(reason, _told(spec, str(error)), _what(spec)))
            continue
        statuses.append(_status(spec, proposal))
        if not chosen or proposal.replicas > replicas:
            replicas, chosen = proposal.replicas, metric_name(spec)
    return Proposals(replicas, chosen, tuple(statuses), tuple(failures))


def _told(spec: Obj, text: str) -> str:
    """Return what went wrong with a metric, as upstream begins it."""
    if spec["type"] not in ("Resource", "ContainerResource"):
        return text
    own = spec[FIELDS[spec["type"]]]
    kind = "utilization" if own["target"].get("averageUtilization") is not None else "usage"
    return f"failed to get {own['name']} {kind}: {text}"


def _what(spec: Obj) -> str:
    kind = spec["type"]
    if kind == "Resource":
        return f"{spec['resource']['name']} resource"
    if kind == "ContainerResource":
        return f"{spec['containerResource']['name']} container"
    if kind == "External":
        return f"{spec['external']['metric']['name']} external"
    return str(kind).lower()


def metric_name(spec: Obj) -> str:
    """Return how messages name a metric."""
    kind = spec["type"]
    own = spec[FIELDS[kind]]
    if kind == "Resource":
        percent = own["target"].get("averageUtilization") is not None
        return f"{own['name']} resource" + (" utilization (percentage of request)" if percent else "")
    if kind == "ContainerResource":
        percent = own["target"].get("averageUtilization") is not None
        return f"{own['name']} container resource" + (" utilization (percentage of request)" if percent else "")
    if kind == "Pods":
        return f"pods metric {own['metric']['name']}"
    selector = own["metric"].get("selector")
    if kind == "External":
        return f"external metric {own['metric']['name']}({_selector(selector)})"
    return f"{own['describedObject']['kind']} metric {own['metric']['name']}"


def _selector(selector: Obj | None) -> str:
    if selector is None:
        return "nil"
    labels = selector.get("matchLabels") or {}
    return (
        "&LabelSelector{MatchLabels:map[string]string{"
        + "".join(f"{k}: {v}," for k, v in sorted(labels.items()))
        + "}}"
    )


def _propose(facts: Facts, spec: Obj, got: Fetched) -> Proposal:
    kind = spec["type"]
    if kind not in FIELDS:
        raise MetricError(f'unknown metric source type "{kind}"')
    if got.error:
        raise MetricError(got.error)
    own = spec[FIELDS[kind]]
    target = own["target"]
    percent, average = target.get("averageUtilization"), target.get("averageValue")
    if kind in ("Resource", "ContainerResource"):
        pods, container = got.pods or {}, own.get("container", "")
        if percent is not None:
            return by_utilization(facts, pods, percent, own["name"], container)
        if average is None:
            raise MetricError(NO_TARGET)
        return by_average(facts, pods, parse(average).milli(), own["name"])
    if kind == "Pods":
        return by_average(facts, got.pods or {}, parse(average).milli())
    if average is not None:
        return by_share(facts, got.total or 0, parse(average).milli())
    return by_value(facts, got.total or 0, parse(target["value"]).milli())


def _status(spec: Obj, proposal: Proposal) -> Obj:
    kind = spec["type"]
    own = spec[FIELDS[kind]]
    current: Obj = {}
    if "value" in own["target"] and own["target"].get("averageValue") is None:
        current["value"] = str(from_milli(proposal.value))
    else:
        current["averageValue"] = str(from_milli(proposal.value))
    if proposal.utilization is not None:
        current["averageUtilization"] = proposal.utilization
    kept = {key: own[key] for key in ("name", "container", "metric", "describedObject") if key in own}
    return {"type": kind, FIELDS[kind]: kept | {"current": current}}
