"""InterPodAffinity: pods that want to be near other pods, or far from them; and what pods that run already demand of newcomers.

Source: the Kubernetes documentation, "Assigning Pods to Nodes", inter-pod affinity and anti-affinity; KEP-2249, KEP-3633.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from kubern.base.json import Obj
from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Event, Plugin, Refusal, Scores, disjoint
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.relations import ATTRACTED, AVOIDING, Counts
from kubern.scheduler.terms import Term, pod_affinity
from kubern.scheduler.topology import domains

NAME = "InterPodAffinity"


class Args(NamedTuple):
    """`hard`: what required affinity of running pods is worth; `ignore`: a pod without preferences of its own gets no score."""

    hard: int = 1
    ignore: bool = False


def _filter(cycle: Cycle) -> list[Refusal]:
    info, columns = cycle.info, cycle.columns
    refusals = []
    if info.affinity.required:
        refusals += _missing(cycle)
    if info.affinity.avoided:
        near = np.zeros(len(columns.nodes), np.bool_)
        for term in info.affinity.avoided:
            near |= _near(columns, columns.relations.count((term,), living=False), term)
        if near.any():
            refusals.append(Refusal(near, "node(s) didn't match pod anti-affinity rules"))
    unwelcome = [holder for holder in columns.relations.against(info) if holder.kind == AVOIDING]
    if unwelcome:
        near = np.zeros(len(columns.nodes), np.bool_)
        for holder in unwelcome:
            near |= _near(columns, holder.rows, holder.term)
        if near.any():
            refusals.append(Refusal(near, "node(s) didn't satisfy existing pods anti-affinity rules"))
    return disjoint(refusals)


def _skips(cycle: Cycle) -> bool:
    affinity = cycle.info.affinity
    if affinity.required or affinity.avoided:
        return False
    return not any(holder.kind == AVOIDING for holder in cycle.columns.relations.against(cycle.info))


def _near(columns: Columns, pods: Counts, term: Term) -> Mask:
    """Return which nodes share the term's domain with one of the pods."""
    topology = domains(columns, term.topology_key)
    near: Mask = topology.spread(topology.total(pods)) > 0
    return near


def _missing(cycle: Cycle) -> list[Refusal]:
    """Refuse nodes that lack a pod for some required term. Pods count that all terms mean together."""
    info, columns = cycle.info, cycle.columns
    terms = info.affinity.required
    pods = columns.relations.count(terms, living=False)
    labelled = columns.present.copy()
    fits = columns.present.copy()
    for term in terms:
        labelled &= domains(columns, term.topology_key).has
        fits &= _near(columns, pods, term)
    anywhere = any(bool(pods[domains(columns, term.topology_key).has].any()) for term in terms)
    if not anywhere and columns.relations.means(terms, info):
        # the first pod of a group that wants to be together has to begin somewhere
        fits = labelled
    # upstream calls this final even though a pod that ends never helps here: no victim can bring the wanted pod
    missing = columns.present & ~fits
    return [Refusal(missing, "node(s) didn't match pod affinity rules", lasting=True)] if missing.any() else []


def _score(cycle: Cycle, mask: Mask, args: Args) -> Scores | None:
    info, columns = cycle.info, cycle.columns
    if args.ignore and not info.affinity.preferred:
        return None
    wanted = [
        (weight, term.topology_key, columns.relations.count((term,), living=False))
        for weight, term in info.affinity.preferred
    ]
    for holder in columns.relations.against(info):
        weight = args.hard if holder.kind == ATTRACTED else holder.weight
        if weight:
            wanted.append((weight, holder.term.topology_key, holder.rows))
    if not wanted:
        return None
    scores = np.zeros(len(columns.nodes))
    for weight, key, pods in wanted:
        topology = domains(columns, key)
        scores += weight * topology.spread(topology.total(pods))
    return scores


def _stretched(scores: Scores, mask: Mask) -> Scores:
    """Give the best node 100 and the worst 0; all get 0 when there is no difference."""
    held = scores[mask]
    most, fewest = float(held.max()), float(held.min())
    if most == fewest:
        return np.zeros_like(scores)
    return np.floor(MAX_SCORE * (scores - fewest) / (most - fewest))


def _hint(info: PodInfo, event: Event) -> bool:
    """A pod that came helps who wanted it, a pod that went or changed helps whom it kept away."""
    if not event.name.startswith("Pod/"):
        return True
    if event.name == "Pod/Add":
        return bool(info.affinity.required) and _concerns(info.affinity.required, event.after)
    if event.name == "Pod/Delete":
        before = event.before
        return _concerns(info.affinity.avoided, before) or (before is not None and _keeps_away(before, info))
    return True


def _concerns(terms: tuple[Term, ...], pod: Obj | None) -> bool:
    """Whether a pod may be one that a term means; its namespace's labels are not known here."""
    if pod is None:
        return False
    meta = pod["metadata"]
    namespace, labels = meta.get("namespace") or "", meta.get("labels") or {}
    return any(term.namespace_selector is not None or term.matches(namespace, labels, {}) for term in terms)


def _keeps_away(pod: Obj, info: PodInfo) -> bool:
    meta = pod["metadata"]
    terms = pod_affinity(pod["spec"], meta.get("namespace") or "", meta.get("labels") or {}).avoided
    return _concerns(terms, info.pod)


def configured(args: Obj) -> Plugin:
    """Return the plug-in with `hardPodAffinityWeight` and `ignorePreferredTermsOfExistingPods`. Raises `ValueError`."""
    hard = args.get("hardPodAffinityWeight", 1)
    if not isinstance(hard, int) or not 0 <= hard <= 100:
        raise ValueError(f"hardPodAffinityWeight: Invalid value: {hard}: not in valid range [0-100]")
    return _plugin(Args(hard, bool(args.get("ignorePreferredTermsOfExistingPods"))))


def _plugin(args: Args) -> Plugin:
    return Plugin(
        NAME,
        weight=2,
        filter=_filter,
        skips=_skips,
        score=functools.partial(_score, args=args),
        normalize=_stretched,
        events=frozenset({"Node/Add", "Node/Label", "Pod/Add", "Pod/Delete", "Pod/Update", "Namespace/Update"}),
        hint=_hint,
        configure=configured,
    )


PLUGIN = _plugin(Args())
