"""The scheduling queue: pods to try now, pods that wait a while after a failure, pods that wait for the cluster to change. Pure but for
the times it is given.

Pods that cannot be placed never block others: they wait outside the active heap until an event that a plug-in which refused them
named, or five minutes. Source: the Kubernetes documentation, "Scheduling Framework", queueing.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from kubern.base.json import Obj

BACKOFF_FIRST = 1.0
BACKOFF_LAST = 10.0
FLUSH_AFTER = 300.0
"""Seconds after which a pod is tried again even if nothing that matters to it has happened."""


@dataclass(slots=True)
class Waiting:
    """A pod in the queue. `since` is when it was first seen."""

    pod: Obj
    since: float
    attempts: int = 0
    refused_by: frozenset[str] = frozenset()
    """The events that may turn the last refusal; empty: any."""
    parked_at: float = 0.0
    place: str = "new"
    """active, backoff, parked, gated, or trying: popped, and being decided about in this very moment."""


class Queue:
    """All pods without a node. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._pods: dict[str, Waiting] = {}
        self._active: list[tuple[int, float, int, str]] = []
        self._backoff: list[tuple[float, int, str]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._pods)

    def add(self, pod: Obj, now: float, *, gated: bool) -> None:
        """Take in a new pod, or the new form of one that waits (which may be placeable now)."""
        uid = pod["metadata"]["uid"]
        held = self._pods.get(uid)
        if held is None:
            held = self._pods[uid] = Waiting(pod, now)
        elif held.place in ("active", "backoff") or (held.place == "parked" and held.pod["spec"] == pod["spec"]):
            held.pod = pod
            return
        held.pod = pod
        if gated:
            held.place = "gated"
        else:
            self._activate(uid, held)

    def remove(self, uid: str) -> None:
        """Forget a pod: it has a node, or is gone."""
        self._pods.pop(uid, None)

    def pop(self, now: float) -> Waiting | None:
        """Return the pod to try next: highest priority first, then longest waiting; None when there is none."""
        while self._backoff and self._backoff[0][0] <= now:
            _, _, uid = heapq.heappop(self._backoff)
            held = self._pods.get(uid)
            if held and held.place == "backoff":
                self._activate(uid, held)
        while self._active:
            *_, uid = heapq.heappop(self._active)
            held = self._pods.get(uid)
            if held and held.place == "active":
                held.place = "trying"
                held.attempts += 1
                return held
        return None

    def failed(self, waiting: Waiting, events: frozenset[str], now: float, *, error: bool = False) -> None:
        """Put a pod back that could not be placed; `events` may change that. After an error it is tried again by itself."""
        uid = waiting.pod["metadata"]["uid"]
        if self._pods.get(uid) is not waiting:
            return
        waiting.refused_by = events
        waiting.parked_at = now
        if error:
            self._delay(uid, waiting, now)
        else:
            waiting.place = "parked"

    def event(self, name: str, now: float) -> None:
        """Tell of a change of the cluster (`Node/Add`, `Pod/Delete`…): wakes the pods that it may help."""
        for uid, held in self._pods.items():
            if held.place == "parked" and (not held.refused_by or name in held.refused_by):
                self._delay(uid, held, now)

    def flush(self, now: float) -> None:
        """Wake what has been parked for too long."""
        for uid, held in self._pods.items():
            if held.place == "parked" and now - held.parked_at >= FLUSH_AFTER:
                self._delay(uid, held, now)

    def next_wake(self, now: float) -> float | None:
        """Return the seconds until a backed-off pod may be tried, None when none waits for that."""
        return max(0.0, self._backoff[0][0] - now) if self._backoff else None

    def parked(self) -> Iterable[Waiting]:
        """Return the pods that wait for a change."""
        return [held for held in self._pods.values() if held.place == "parked"]

    def _delay(self, uid: str, held: Waiting, now: float) -> None:
        """Let a pod wait out its back-off, counted from its last failure: 1 s, doubling to 10 s."""
        ready = held.parked_at + min(BACKOFF_FIRST * 2.0 ** min(held.attempts - 1, 10), BACKOFF_LAST)
        if ready <= now:
            self._activate(uid, held)
            return
        held.place = "backoff"
        heapq.heappush(self._backoff, (ready, next(self._order), uid))

    def _activate(self, uid: str, held: Waiting) -> None:
        held.place = "active"
        priority = held.pod["spec"].get("priority") or 0
        heapq.heappush(self._active, (-priority, held.since, next(self._order), uid))
