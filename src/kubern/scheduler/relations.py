"""How many pods of a kind are on each node, kept up to date pod by pod, so that a question's cost does not grow with the pods.

A *count* answers "how many pods that these terms mean are on each row". It is made when first asked, from the groups of pods that no
selector can tell apart, and from then on every pod that comes or goes changes one number of it. A *holder* is the other direction: how
many pods on each row carry a certain affinity term. Callers: `columns` (pods that come and go), the topology plug-ins.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable

import numpy as np
import numpy.typing as npt

from kubern.base.json import Obj
from kubern.scheduler.podinfo import GroupKey, PodInfo
from kubern.scheduler.terms import Term

Counts = npt.NDArray[np.int64]

MAX_COUNTS = 1024
"""Questions remembered; the longest unasked is forgotten first."""

ATTRACTED, AVOIDING, PREFERRING = "required", "avoided", "preferred"


class Count:
    """A standing question and its answer: `rows[row]` pods. Terminating pods count unless `living`."""

    __slots__ = ("living", "rows", "terms")

    def __init__(self, terms: tuple[Term, ...], living: bool, size: int) -> None:
        self.terms = terms
        self.living = living
        self.rows: Counts = np.zeros(size, np.int64)


class Holder:
    """One term that pods carry, and how many of them are on each row."""

    __slots__ = ("kind", "rows", "term", "total", "weight")

    def __init__(self, kind: str, weight: int, term: Term, size: int) -> None:
        self.kind, self.weight, self.term = kind, weight, term
        self.rows: Counts = np.zeros(size, np.int64)
        self.total = 0


class Group:
    """Pods with the same namespace and labels, by row; and the counts that they are part of."""

    __slots__ = ("counts", "going", "labels", "living", "namespace")

    def __init__(self, key: GroupKey) -> None:
        self.namespace, self.labels = key[0], dict(key[1])
        self.living: dict[int, int] = {}
        self.going: dict[int, int] = {}
        self.counts: list[Count] = []


class Relations:
    """All pods on nodes, by what selectors and affinity terms can see of them."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Obj] = {}
        """Labels of each namespace."""
        self._size = 0
        self._groups: dict[GroupKey, Group] = {}
        self._counts: OrderedDict[Hashable, Count] = OrderedDict()
        self._holders: dict[Hashable, Holder] = {}
        self._against: dict[GroupKey, list[Holder]] = {}

    def resize(self, size: int) -> None:
        """Make room for `size` rows."""
        more = size - self._size
        self._size = size
        for count in self._counts.values():
            count.rows = np.concatenate((count.rows, np.zeros(more, np.int64)))
        for holder in self._holders.values():
            holder.rows = np.concatenate((holder.rows, np.zeros(more, np.int64)))

    def set_namespace(self, name: str, labels: Obj | None) -> None:
        """Take over a namespace's labels, None once it is gone; what was answered by the old ones is forgotten."""
        if self.namespaces.get(name) == labels:
            return
        if labels is None:
            self.namespaces.pop(name, None)
        else:
            self.namespaces[name] = labels
        self._against.clear()
        for key in [key for key, count in self._counts.items() if any(t.namespace_selector for t in count.terms)]:
            self._drop(key)

    def change(self, info: PodInfo, row: int, sign: int) -> None:
        """Count a pod on a row (`sign` 1) or stop counting it (-1)."""
        group = self._groups.get(info.group)
        if group is None:
            group = self._groups[info.group] = Group(info.group)
            group.counts = [count for count in self._counts.values() if self._means(count.terms, group)]
        held = group.going if info.terminating else group.living
        left = held.get(row, 0) + sign
        if left:
            held[row] = left
        else:
            held.pop(row, None)
            if not group.living and not group.going:
                del self._groups[info.group]
        for count in group.counts:
            if not (info.terminating and count.living):
                count.rows[row] += sign
        affinity = info.affinity
        if affinity.required or affinity.avoided or affinity.preferred:
            self._carry(info, row, sign)

    def _carry(self, info: PodInfo, row: int, sign: int) -> None:
        carried = [(ATTRACTED, 0, term) for term in info.affinity.required]
        carried += [(AVOIDING, 0, term) for term in info.affinity.avoided]
        carried += [(PREFERRING, weight, term) for weight, term in info.affinity.preferred]
        for kind, weight, term in carried:
            key = (kind, weight, term.key)
            holder = self._holders.get(key)
            if holder is None:
                holder = self._holders[key] = Holder(kind, weight, term, self._size)
                self._against.clear()
            holder.rows[row] += sign
            holder.total += sign
            if not holder.total:
                del self._holders[key]
                self._against.clear()

    def count(self, terms: tuple[Term, ...], *, living: bool) -> Counts:
        """Return how many pods that all of `terms` mean are on each row. The array is not to be changed; it follows the pods."""
        key = (living, *(term.key[:3] for term in terms))
        count = self._counts.get(key)
        if count is not None:
            self._counts.move_to_end(key)
            return count.rows
        count = self._counts[key] = Count(terms, living, self._size)
        for group in self._groups.values():
            if self._means(terms, group):
                group.counts.append(count)
                for held in (group.living,) if living else (group.living, group.going):
                    for row, pods in held.items():
                        count.rows[row] += pods
        if len(self._counts) > MAX_COUNTS:
            self._drop(next(iter(self._counts)))
        return count.rows

    def against(self, info: PodInfo) -> list[Holder]:
        """Return the terms, carried by pods on nodes, that mean this pod."""
        if not self._holders:
            return []
        found = self._against.get(info.group)
        if found is None:
            if len(self._against) > MAX_COUNTS:
                self._against.clear()
            about = (info.namespace, info.labels, self.namespaces.get(info.namespace) or {})
            found = self._against[info.group] = [h for h in self._holders.values() if h.term.matches(*about)]
        return found

    def means(self, terms: Iterable[Term], info: PodInfo) -> bool:
        """Whether all of `terms` mean a pod."""
        about = (info.namespace, info.labels, self.namespaces.get(info.namespace) or {})
        return all(term.matches(*about) for term in terms)

    def _means(self, terms: tuple[Term, ...], group: Group) -> bool:
        about = (group.namespace, group.labels, self.namespaces.get(group.namespace) or {})
        return all(term.matches(*about) for term in terms)

    def _drop(self, key: Hashable) -> None:
        count = self._counts.pop(key)
        for group in self._groups.values():
            if count in group.counts:
                group.counts.remove(count)
