"""Pod affinity terms and label questions in a form that can be compared and counted: equal terms of many pods are one term.

Callers: `podinfo` (what a pod brings along), the topology plug-ins (what they ask). Source: the Kubernetes documentation, "Assigning
Pods to Nodes", inter-pod affinity; KEP-3633 (matchLabelKeys).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from kubern.api.selectors import selects
from kubern.base.json import Obj

Labels = Mapping[str, str]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


class Term:
    """Which pods are meant, and within which topology. Two terms that mean the same have the same `key`."""

    __slots__ = ("key", "namespace_selector", "namespaces", "selector", "topology_key")

    def __init__(
        self, namespaces: Iterable[str], namespace_selector: Obj | None, selector: Obj | None, topology_key: str = ""
    ) -> None:
        self.namespaces = frozenset(namespaces)
        self.namespace_selector = namespace_selector
        self.selector = selector
        self.topology_key = topology_key
        self.key = (tuple(sorted(self.namespaces)), _text(namespace_selector), _text(selector), topology_key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def matches(self, namespace: str, labels: Labels, namespace_labels: Labels) -> bool:
        """Whether a pod of `namespace` (which has `namespace_labels`) with `labels` is meant."""
        if namespace not in self.namespaces and not selects(self.namespace_selector, namespace_labels):
            return False
        return selects(self.selector, labels)


def _text(selector: Obj | None) -> bytes:
    return b"" if selector is None else orjson.dumps(selector, option=orjson.OPT_SORT_KEYS)


class Affinity(NamedTuple):
    """A pod's relations to other pods: required terms, and preferred ones with their weights."""

    required: tuple[Term, ...] = ()
    avoided: tuple[Term, ...] = ()
    preferred: tuple[tuple[int, Term], ...] = ()
    """Anti-affinity's weights are negative."""


NONE = Affinity()


def pod_affinity(spec: Obj, namespace: str, labels: Labels) -> Affinity:
    """Return a pod spec's inter-pod affinity and anti-affinity."""
    affinity = spec.get("affinity")
    if not affinity or not (affinity.get("podAffinity") or affinity.get("podAntiAffinity")):
        return NONE
    attracted, repelled = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}

    def term(spec: Obj) -> Term:
        return _term(spec, namespace, labels)

    return Affinity(
        tuple(term(each) for each in attracted.get(REQUIRED) or ()),
        tuple(term(each) for each in repelled.get(REQUIRED) or ()),
        tuple(
            (sign * each["weight"], term(each["podAffinityTerm"]))
            for sign, side in ((1, attracted), (-1, repelled))
            for each in side.get(PREFERRED) or ()
        ),
    )


def _term(spec: Obj, namespace: str, labels: Labels) -> Term:
    namespaces, chosen = spec.get("namespaces") or (), spec.get("namespaceSelector")
    if not namespaces and chosen is None:
        namespaces = (namespace,)
    selector = spec.get("labelSelector")
    selector = with_label_keys(selector, spec.get("matchLabelKeys"), labels, "In")
    selector = with_label_keys(selector, spec.get("mismatchLabelKeys"), labels, "NotIn")
    return Term(namespaces, chosen, selector, spec["topologyKey"])


def with_label_keys(selector: Obj | None, keys: Iterable[str] | None, labels: Labels, operator: str) -> Obj | None:
    """Return a selector narrowed by a pod's own values of `keys`; keys that the pod lacks, or that it has already, add nothing."""
    if selector is None or not keys:
        return selector
    held = selector.get("matchExpressions") or []
    more = [{"key": key, "operator": operator, "values": [labels[key]]} for key in keys if key in labels]
    return {**selector, "matchExpressions": [*held, *(each for each in more if each not in held)]}
