"""Pods that wait for their victims to leave: each has a claim on a node, which others of no higher priority respect.

A claim counts in the columns like a pod that is there (a *ghost*), so that the usual cycle costs nothing extra; for a pod that need
not respect some claims, those are taken out for the moment.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from kubern.base.json import Obj
from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.podinfo import PodInfo

GHOST = "nominated/"
"""What a ghost's uid begins with."""


class Nominations:
    """Which pod has a claim on which node."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._held: dict[str, tuple[PodInfo, str]] = {}
        self._on: dict[str, set[str]] = {}
        """The pods with a claim on each node."""
        self._priorities: Counter[int] = Counter()

    def node_of(self, uid: str) -> str:
        """Return the node that a pod has a claim on, empty without one."""
        held = self._held.get(uid)
        return held[1] if held else ""

    def set(self, info: PodInfo, node: str) -> None:
        """Give a pod a claim; an empty `node` takes it away."""
        if self.node_of(info.uid) == node:
            return
        self.drop(info.uid)
        if node:
            ghost = copy.copy(info)
            ghost.uid = GHOST + info.uid
            self._held[info.uid] = (ghost, node)
            self._on.setdefault(node, set()).add(info.uid)
            self._priorities[info.priority] += 1
            self._columns.add_pod(ghost, node)

    def drop(self, uid: str) -> None:
        """Forget a pod's claim: it has a node, or is gone."""
        held = self._held.pop(uid, None)
        if held is None:
            return
        ghost, node = held
        self._columns.remove_pod(GHOST + uid)
        self._on[node].discard(uid)
        if not self._on[node]:
            del self._on[node]
        self._priorities[ghost.priority] -= 1
        if not self._priorities[ghost.priority]:
            del self._priorities[ghost.priority]

    def overrule(self, info: PodInfo, node: str) -> list[Obj]:
        """Drop the claims on a node of pods with a lower priority than `info`, and return those pods."""
        there = [(uid, self._held[uid][0]) for uid in self._on.get(node, ())]
        lower = [(uid, ghost) for uid, ghost in there if ghost.priority < info.priority]
        for uid, _ in lower:
            self.drop(uid)
        return [ghost.pod for _, ghost in lower]

    def rows(self) -> Mask | None:
        """Return the nodes with a claim in force, None when there is none."""
        found = [row for uid in self._held if (row := self._columns.where(GHOST + uid)) is not None]
        if not found:
            return None
        mask = self._columns.present & False
        mask[found] = True
        return mask

    @contextmanager
    def as_seen_by(self, info: PodInfo) -> Iterator[None]:
        """Take out a pod's own claim and those it need not respect."""
        out = [info.uid] if info.uid in self._held else []
        if any(priority < info.priority for priority in self._priorities):
            out += [uid for uid, (g, _) in self._held.items() if g.priority < info.priority and uid != info.uid]
        with self._without(out):
            yield

    @contextmanager
    def none(self) -> Iterator[None]:
        """Take out all claims."""
        with self._without([uid for uid in self._held if self._columns.where(GHOST + uid) is not None]):
            yield

    @contextmanager
    def _without(self, uids: list[str]) -> Iterator[None]:
        for uid in uids:
            self._columns.remove_pod(GHOST + uid)
        try:
            yield
        finally:
            for uid in uids:
                self._columns.add_pod(*self._held[uid])
