"""PodTopologySpread: pods that a selector means are spread evenly over domains, as a demand or as a preference.

A pod without constraints of its own gets the cluster's default ones (zones and hosts, as a preference) for the pods of its Services and its
controller. Source: the Kubernetes documentation, "Pod Topology Spread Constraints"; KEP-3022, KEP-3094, KEP-3243.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kubern.api.selectors import selects
from kubern.base.json import Obj
from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Event, Plugin, Refusal, Scores, disjoint
from kubern.scheduler.listers import REPLICA_SETS, REPLICATION_CONTROLLERS, SERVICES, STATEFUL_SETS
from kubern.scheduler.plugins.node_affinity import fitting
from kubern.scheduler.plugins.taint_toleration import untolerated
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.terms import Term, with_label_keys
from kubern.scheduler.topology import HOSTNAME, Domains, Ids, domains

NAME = "PodTopologySpread"
SYSTEM_DEFAULTS: tuple[Obj, ...] = (
    {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 5, "whenUnsatisfiable": "ScheduleAnyway"},
    {"topologyKey": HOSTNAME, "maxSkew": 3, "whenUnsatisfiable": "ScheduleAnyway"},
)
_OWNERS = {
    "ReplicaSet": REPLICA_SETS, "StatefulSet": STATEFUL_SETS, "ReplicationController": REPLICATION_CONTROLLERS,
}  # fmt: skip


class Constraint(NamedTuple):
    """One constraint, read: `term` says which pods count, `own` is 1 when the pod itself is one of them."""

    key: str
    skew: int
    least: int
    """minDomains."""
    term: Term
    own: int
    affinity: bool
    """Only nodes that the pod's node affinity accepts are counted."""
    taints: bool
    """Only nodes whose taints the pod tolerates are counted."""


class Defaults(NamedTuple):
    """The constraints of pods without any."""

    constraints: tuple[Obj, ...] = SYSTEM_DEFAULTS
    system: bool = True
    """The built-in ones: nodes without a zone take part too."""


def _own(info: PodInfo, action: str) -> list[Constraint]:
    specs = info.pod["spec"].get("topologySpreadConstraints") or ()
    return [_constraint(spec, info) for spec in specs if spec.get("whenUnsatisfiable", "DoNotSchedule") == action]


def _constraint(spec: Obj, info: PodInfo) -> Constraint:
    selector = with_label_keys(spec.get("labelSelector"), spec.get("matchLabelKeys"), info.labels, "In")
    return Constraint(
        spec["topologyKey"],
        spec["maxSkew"],
        spec.get("minDomains") or 1,
        Term((info.namespace,), None, selector),
        int(selects(selector, info.labels)),
        spec.get("nodeAffinityPolicy", "Honor") == "Honor",
        spec.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )


def _constraints(cycle: Cycle, action: str, defaults: Defaults) -> list[Constraint]:
    if cycle.pod["spec"].get("topologySpreadConstraints"):
        return _own(cycle.info, action)
    specs = [each for each in defaults.constraints if each["whenUnsatisfiable"] == action]
    selector = _workload(cycle) if specs else None
    return [_constraint({**spec, "labelSelector": selector}, cycle.info) for spec in specs] if selector else []


def _workload(cycle: Cycle) -> Obj | None:
    """Return a selector for the pods of the Services and the controller that the pod belongs to, None without any."""
    info, listers = cycle.info, cycle.listers
    labels: dict[str, str] = {}
    for service in listers.list(SERVICES, info.namespace):
        wanted = service["spec"].get("selector")
        if wanted and all(info.labels.get(key) == value for key, value in wanted.items()):
            labels |= wanted
    expressions: list[Obj] = []
    for owner in info.pod["metadata"].get("ownerReferences") or ():
        gvr = _OWNERS.get(owner["kind"]) if owner.get("controller") else None
        held = listers.get(gvr, info.namespace, owner["name"]) if gvr else None
        if held is not None and held["metadata"].get("uid") == owner.get("uid"):
            selector = held["spec"].get("selector") or {}
            if owner["kind"] == "ReplicationController":
                selector = {"matchLabels": selector}
            labels |= selector.get("matchLabels") or {}
            expressions += selector.get("matchExpressions") or ()
    if not labels and not expressions:
        return None
    return {"matchLabels": labels, "matchExpressions": expressions}


def _counted(cycle: Cycle, constraint: Constraint, everywhere: Mask) -> Mask:
    """Return the nodes whose pods count, of those that have all keys."""
    counted = everywhere
    if constraint.affinity:
        fits = fitting(cycle)
        counted = counted if fits is None else counted & fits
    if constraint.taints:
        refused = untolerated(cycle)
        counted = counted if refused is None else counted & ~refused
    return counted


def _pods(cycle: Cycle, constraint: Constraint) -> Ids:
    """Return how many living pods the constraint means on each node."""
    return cycle.columns.relations.count((constraint.term,), living=True)


def _labelled(columns: Columns, constraints: Sequence[Constraint]) -> Mask:
    """Return which nodes have all keys."""
    has = columns.present
    for constraint in constraints:
        has = has & domains(columns, constraint.key).has
    return has


def _filter(cycle: Cycle, defaults: Defaults) -> list[Refusal]:
    columns = cycle.columns
    constraints = _constraints(cycle, "DoNotSchedule", defaults)
    if not constraints:
        return []
    everywhere = _labelled(columns, constraints)
    refusals = []
    for constraint in constraints:
        topology = domains(columns, constraint.key)
        unlabelled = columns.present & ~topology.has
        if unlabelled.any():
            text = "node(s) didn't match pod topology spread constraints (missing required label)"
            refusals.append(Refusal(unlabelled, text, lasting=True))
        counted = _counted(cycle, constraint, everywhere)
        totals, fewest = _fewest(topology, _pods(cycle, constraint), counted, constraint.least)
        skew = topology.spread(totals) + (constraint.own - fewest)
        uneven = columns.present & topology.has & (skew > constraint.skew)
        if uneven.any():
            refusals.append(Refusal(uneven, "node(s) didn't match pod topology spread constraints"))
    return disjoint(refusals)


def _lacking(cycle: Cycle, row: int, defaults: Defaults) -> str:
    columns = cycle.columns
    constraints = _constraints(cycle, "DoNotSchedule", defaults)
    everywhere = _labelled(columns, constraints)
    labels = ((columns.nodes[row] or {}).get("metadata") or {}).get("labels") or {}
    for constraint in constraints:
        if constraint.key not in labels:
            return f"the label {constraint.key}"
        topology = domains(columns, constraint.key)
        counted = _counted(cycle, constraint, everywhere)
        totals, fewest = _fewest(topology, _pods(cycle, constraint), counted, constraint.least)
        here = int(topology.spread(totals)[row])
        if here + constraint.own - fewest > constraint.skew:
            where = f"{constraint.key}={labels[constraint.key]}"
            return f"{where} has {here}, the least crowded domain {fewest}; maxSkew is {constraint.skew}"
    return ""


def _fewest(topology: Domains, pods: Ids, counted: Mask, least: int) -> tuple[Ids, int]:
    """Return each domain's pods, and the fewest of any domain with a counted node: 0 while there are less than `least` domains."""
    totals = topology.total(np.where(counted, pods, 0))
    eligible = np.bincount(topology.ids[counted], minlength=topology.number + 1)[:-1] > 0
    if np.count_nonzero(eligible) < least:
        return totals, 0
    return totals, int(totals[eligible].min())


def _score(cycle: Cycle, mask: Mask, defaults: Defaults) -> Scores | None:
    columns = cycle.columns
    constraints = _constraints(cycle, "ScheduleAnyway", defaults)
    if not constraints:
        return None
    strict = not defaults.system or bool(cycle.pod["spec"].get("topologySpreadConstraints"))
    # nodes that lack a key take no part: they get the lowest score, marked by a negative number
    takes_part = mask & _labelled(columns, constraints) if strict else mask
    counted_from = _labelled(columns, constraints) if strict else columns.present
    scores = np.zeros(len(columns.nodes))
    for constraint in constraints:
        topology = domains(columns, constraint.key)
        pods = _pods(cycle, constraint)
        if constraint.key == HOSTNAME:
            number = int(np.count_nonzero(takes_part))
            near = pods
        else:
            # nodes without the label are one more domain here, as upstream counts
            number = int(np.count_nonzero(np.bincount(topology.ids[takes_part], minlength=1)))
            counted = _counted(cycle, constraint, counted_from)
            near = topology.spread(topology.total(np.where(counted, pods, 0)))
        scores += np.where(topology.has, near * math.log(number + 2) + (constraint.skew - 1), 0.0)
    return np.where(takes_part, np.round(scores), -1.0)


def _fewest_first(scores: Scores, mask: Mask) -> Scores:
    """Give the least crowded node the most, upstream's 100 × (max + min - score) / max in whole points."""
    part = mask & (scores >= 0)
    if not part.any():
        return np.zeros_like(scores)
    most, fewest = float(scores[part].max()), float(scores[part].min())
    if most == 0:
        return np.where(part, MAX_SCORE, 0.0)
    return np.where(part, np.floor(MAX_SCORE * (most + fewest - scores) / most), 0.0)


def _hint(info: PodInfo, event: Event) -> bool:
    """Pods matter that one of the constraints means, now or before; nodes always do."""
    if not event.name.startswith("Pod/"):
        return True
    changed = [pod for pod in (event.before, event.after) if pod is not None]
    constraints = _own(info, "DoNotSchedule")
    return not constraints or any(
        pod["metadata"].get("namespace") == info.namespace
        and selects(constraint.term.selector, pod["metadata"].get("labels"))
        for pod in changed
        for constraint in constraints
    )


def configured(args: Obj) -> Plugin:
    """Return the plug-in with `defaultingType` and `defaultConstraints`. Raises `ValueError`."""
    kind = args.get("defaultingType", "System")
    constraints = tuple(args.get("defaultConstraints") or ())
    if kind not in ("System", "List"):
        raise ValueError(f'defaultingType: Unsupported value: "{kind}": supported values: "System", "List"')
    if kind == "System" and constraints:
        raise ValueError("defaultConstraints: when .defaultingType is System, no constraints are allowed")
    for each in constraints:
        if each.get("labelSelector"):
            raise ValueError("defaultConstraints: constraint must not define a selector, as they deduced for each pod")
        if not each.get("topologyKey") or int(each.get("maxSkew") or 0) < 1:
            raise ValueError("defaultConstraints: a constraint needs a topologyKey and a maxSkew greater than zero")
        if each.get("whenUnsatisfiable") not in ("DoNotSchedule", "ScheduleAnyway"):
            raise ValueError("defaultConstraints: whenUnsatisfiable must be DoNotSchedule or ScheduleAnyway")
    return _plugin(Defaults() if kind == "System" else Defaults(constraints, system=False))


def _plugin(defaults: Defaults) -> Plugin:
    return Plugin(
        NAME,
        weight=2,
        filter=functools.partial(_filter, defaults=defaults),
        skips=lambda cycle: not _constraints(cycle, "DoNotSchedule", defaults),
        lacking=functools.partial(_lacking, defaults=defaults),
        score=functools.partial(_score, defaults=defaults),
        normalize=_fewest_first,
        events=frozenset(
            {"Node/Add", "Node/Label", "Node/Taint", "Node/Delete", "Pod/Add", "Pod/Delete", "Pod/Update"}
        ),
        hint=_hint,
        configure=configured,
    )


PLUGIN = _plugin(Defaults())
