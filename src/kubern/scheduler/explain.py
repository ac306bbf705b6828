"""Why a pod is where it is, or nowhere: for each node the plug-in that refuses it and the figure lacking, for the others the scores.

Pure: answers from objects that were read once, with the very filters and scores that place pods. Callers: `kubern why`, and any page that
draws it (`as_object`).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.scheduler.cluster_events import ended
from kubern.scheduler.columns import Columns
from kubern.scheduler.cycle import Filtered, Unplaced, find, scored
from kubern.scheduler.framework import Cycle, Eviction, make_room
from kubern.scheduler.listers import NAMESPACES, DictListers
from kubern.scheduler.nominations import Nominations
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.profile import Profile


class NodeReport(NamedTuple):
    """What is said of one node: refused by `plugin` for `reasons` (and what exactly was lacking), or scored."""

    node: str
    plugin: str = ""
    reasons: tuple[str, ...] = ()
    lacking: str = ""
    scores: Mapping[str, float] = MappingProxyType({})

    @property
    def total(self) -> float:
        """All points together."""
        return sum(self.scores.values())


class Explanation(NamedTuple):
    """`bound`: the node that the pod is on already. `message`: what the scheduler says when no node is left."""

    pod: str
    bound: str
    message: str
    nodes: tuple[NodeReport, ...]

    def as_object(self) -> Obj:
        """Return it as JSON."""
        return {
            "pod": self.pod,
            "node": self.bound,
            "message": self.message,
            "nodes": [
                {"node": each.node, "scores": dict(each.scores), "total": each.total}
                if not each.reasons
                else {"node": each.node, "plugin": each.plugin, "reasons": [*each.reasons], "lacking": each.lacking}
                for each in self.nodes
            ],
        }


def explain(
    pod: Obj, profile: Profile, nodes: Iterable[Obj], pods: Iterable[Obj], objects: Mapping[GVR, list[Obj]]
) -> Explanation:
    """Return how each node would take the pod if it were placed now. A pod that has a node is looked at as if it had none yet."""
    meta = pod["metadata"]
    name = f"{meta.get('namespace', '')}/{meta['name']}"
    bound = pod["spec"].get("nodeName") or ""
    gate = "" if bound else profile.gate(pod)
    if gate:
        return Explanation(name, bound, gate, ())
    free = {**pod, "spec": {key: value for key, value in pod["spec"].items() if key != "nodeName"}}
    columns, nominations = _cluster(nodes, pods, objects, meta["uid"])
    cycle = Cycle(PodInfo(free), columns, DictListers(dict(objects)))
    with nominations.as_seen_by(cycle.info):
        found = find(cycle, profile.plugins, None)
        if isinstance(found, Unplaced):
            message = _with_preemption(cycle, profile, found)
            return Explanation(name, bound, message, _refused(cycle, profile))
        assert isinstance(found, Filtered)
        scores = scored(cycle, profile.plugins, found.feasible)
    reports = [*_refused(cycle, profile)]
    for row in np.flatnonzero(found.feasible).tolist():
        reports.append(NodeReport(_name(columns, row), scores={key: float(each[row]) for key, each in scores.items()}))
    reports.sort(key=lambda each: (bool(each.reasons), -each.total, each.node))
    return Explanation(name, bound, "", tuple(reports))


def _cluster(
    nodes: Iterable[Obj], pods: Iterable[Obj], objects: Mapping[GVR, list[Obj]], but: str
) -> tuple[Columns, Nominations]:
    """Return the cluster's state without one pod."""
    columns = Columns()
    nominations = Nominations(columns)
    for namespace in objects.get(NAMESPACES) or ():
        columns.relations.set_namespace(namespace["metadata"]["name"], namespace["metadata"].get("labels") or {})
    for node in nodes:
        columns.set_node(node)
    for pod in pods:
        if ended(pod) or pod["metadata"]["uid"] == but:
            continue
        claimed = (pod.get("status") or {}).get("nominatedNodeName")
        if pod["spec"].get("nodeName"):
            columns.add_pod(PodInfo(pod), pod["spec"]["nodeName"])
        elif claimed:
            nominations.set(PodInfo(pod), claimed)
    return columns, nominations


def _refused(cycle: Cycle, profile: Profile) -> tuple[NodeReport, ...]:
    """Return the nodes that a filter refuses, each with the first that does."""
    columns = cycle.columns
    left = columns.present.copy()
    reports = []
    for plugin in profile.plugins:
        refusals = plugin.filter(cycle) if plugin.filter is not None else []
        refused = left & False
        for refusal in refusals:
            refused |= refusal.nodes & left
        for row in np.flatnonzero(refused).tolist():
            reasons = tuple(dict.fromkeys(refusal.reason for refusal in refusals if refusal.nodes[row]))
            lacking = plugin.lacking(cycle, row) if plugin.lacking is not None else ""
            reports.append(NodeReport(_name(columns, row), plugin.name, reasons, lacking))
        left &= ~refused
    return tuple(sorted(reports, key=lambda each: each.node))


def _with_preemption(cycle: Cycle, profile: Profile, found: Unplaced) -> str:
    """Return the message with what preemption would do."""
    if found.helpable is None:
        return found.message
    room = make_room(cycle, profile.plugins, found.helpable, random.Random(0))
    if isinstance(room, Eviction):
        victims = ", ".join(f"{info.namespace}/{info.name}" for info in room.victims)
        return f"{found.message} preemption: {victims} would have to leave {room.node}."
    return f"{found.message} {room.text}" if room.said else found.message


def _name(columns: Columns, row: int) -> str:
    node = columns.nodes[row]
    assert node is not None
    name: str = node["metadata"]["name"]
    return name
