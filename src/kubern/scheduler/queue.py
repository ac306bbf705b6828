"""The scheduling queue: pods to try now, pods that wait a while after a failure, pods that wait for the cluster to change. Pure but for
the times it is given.

Pods that cannot be placed never block others: they wait outside the active heap until an event that a plug-in which refused them
named (and that plug-in's hint agrees), or five minutes. An event that comes while a pod is being decided about counts for it too.
Source: the Kubernetes documentation, "Scheduling Framework", queueing; KEP-4247 (queueing hints).
"""

from __future__ import annotations

import heapq
import itertools
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from kubern.base.json import Obj
from kubern.scheduler.framework import Event, Plugin
from kubern.scheduler.podinfo import PodInfo

log = logging.getLogger(__name__)

BACKOFF_FIRST = 1.0
BACKOFF_LAST = 10.0
FLUSH_AFTER = 300.0
"""Seconds after which a pod is tried again even if nothing that matters to it has happened."""
CLAIM_FLUSH_AFTER = 30.0
"""The same for a pod that waits for its victims to leave a node: they may hang."""
POD_ADD, POD_UPDATE = "UnscheduledPodAdd", "UnscheduledPodUpdate"
FAILURE, BACKOFF_COMPLETE, TIMEOUT = "ScheduleAttemptFailure", "BackoffComplete", "UnschedulableTimeout"
"""What brings pods to a place, besides events of the cluster, as upstream calls it."""
_ANYTHING = "*"
_DELETED = "Pod/Delete"


@dataclass(slots=True, eq=False)
class Waiting:
    """A pod in the queue. `since` is when it joined, or failed last."""

    info: PodInfo
    since: float
    attempts: int = 0
    refused_by: tuple[Plugin, ...] = ()
    """Whose events may turn the last refusal; empty: any."""
    claim: str = ""
    """The node that others are leaving for this pod: until then, pods that end elsewhere do not concern it."""
    place: str = "new"
    """active, backoff, parked, gated, or trying: popped, and being decided about."""
    missed: list[Event] = field(default_factory=list)
    """What happened while it was being decided about."""
    entered: float = 0.0
    """When it joined the queue for good: past its gates."""
    tried: float = 0.0
    """When the last attempt began."""

    @property
    def pod(self) -> Obj:
        """The pod's object."""
        return self.info.pod


class Queue:
    """All pods without a node. Times are seconds of a monotonic clock."""

    def __init__(self, first: float = BACKOFF_FIRST, last: float = BACKOFF_LAST) -> None:
        self._first, self._last = first, last
        self._pods: dict[str, Waiting] = {}
        self._active: list[tuple[int, float, int, str]] = []
        self._backoff: list[tuple[float, int, str]] = []
        self._parked: dict[str, dict[str, Waiting]] = {}
        """Parked pods by the name of each event that they wait for."""
        self._trying: dict[str, Waiting] = {}
        self._order = itertools.count()
        self.incoming: Counter[tuple[str, str]] = Counter()
        """How often pods came to a place, by upstream's name of what brought them and by the place."""

    def __len__(self) -> int:
        return len(self._pods)

    def places(self) -> Counter[str]:
        """Return how many pods are at each place."""
        return Counter(held.place for held in self._pods.values())

    def add(self, info: PodInfo, now: float, *, gated: bool) -> None:
        """Take in a new pod, or the new form of one that waits (which may be placeable now)."""
        held = self._pods.get(info.uid)
        if held is None:
            held = self._pods[info.uid] = Waiting(info, now, entered=now)
            brought = POD_ADD
        elif held.place in ("active", "backoff", "trying") or (held.place == "parked" and _same(held.info, info)):
            held.info = info
            return
        else:
            brought = POD_UPDATE
        held.info = info
        self._unpark(held)
        if gated:
            held.place = "gated"
            self.incoming[brought, "gated"] += 1
        else:
            if held.place == "gated":
                held.entered = now
            self._activate(held, brought)

    def again(self, info: PodInfo, now: float) -> None:
        """Take back a pod whose binding failed: it is tried again after a back-off."""
        held = self._pods[info.uid] = Waiting(info, now, attempts=1, entered=now)
        self._delay(held, now, FAILURE)

    def remove(self, uid: str) -> None:
        """Forget a pod: it has a node, or is gone."""
        held = self._pods.pop(uid, None)
        if held is not None:
            self._unpark(held)
            self._trying.pop(uid, None)

    def pop(self, now: float) -> Waiting | None:
        """Return the pod to try next: highest priority first, then longest waiting; None when there is none."""
        while self._backoff and self._backoff[0][0] <= now:
            _, _, uid = heapq.heappop(self._backoff)
            held = self._pods.get(uid)
            if held and held.place == "backoff":
                self._activate(held, BACKOFF_COMPLETE)
        while self._active:
            *_, uid = heapq.heappop(self._active)
            held = self._pods.get(uid)
            if held and held.place == "active":
                held.place = "trying"
                held.attempts += 1
                held.tried = now
                held.missed.clear()
                self._trying[uid] = held
                return held
        return None

    def failed(
        self, waiting: Waiting, plugins: tuple[Plugin, ...], now: float, *, error: bool = False, claim: str = ""
    ) -> None:
        """Put a pod back that `plugins` refused; their events may change that. After an error it is tried again by itself.

        `claim`: the node that others are leaving for it.
        """
        uid = waiting.info.uid
        self._trying.pop(uid, None)
        if self._pods.get(uid) is not waiting:
            return
        waiting.refused_by, waiting.claim, waiting.since = plugins, claim, now
        if error or any(_helps(waiting, event) for event in waiting.missed):
            self._delay(waiting, now, FAILURE)
        else:
            self._park(waiting)
            self.incoming[FAILURE, "parked"] += 1

    def event(self, event: Event, now: float) -> None:
        """Tell of a change of the cluster: wakes the pods that it may help."""
        for waiting in self._trying.values():
            waiting.missed.append(event)
        names = [event.name, _ANYTHING]
        if event.name == _DELETED and event.before is not None:
            names.append(f"{_DELETED}/{event.before['spec'].get('nodeName', '')}")
        for name in names:
            for waiting in [*self._parked.get(name, {}).values()]:
                if _helps(waiting, event):
                    self._unpark(waiting)
                    self._delay(waiting, now, _shown(event.name))

    def flush(self, now: float) -> None:
        """Wake what has been parked for too long."""
        for waiting in self.parked():
            if now - waiting.since >= (CLAIM_FLUSH_AFTER if waiting.claim else FLUSH_AFTER):
                self._unpark(waiting)
                self._delay(waiting, now, TIMEOUT)

    def next_wake(self, now: float) -> float | None:
        """Return the seconds until a backed-off pod may be tried, None when none waits for that."""
        return max(0.0, self._backoff[0][0] - now) if self._backoff else None

    def parked(self) -> Iterable[Waiting]:
        """Return the pods that wait for a change."""
        return [held for held in self._pods.values() if held.place == "parked"]

    def _park(self, waiting: Waiting) -> None:
        waiting.place = "parked"
        for name in _awaited(waiting):
            self._parked.setdefault(name, {})[waiting.info.uid] = waiting

    def _unpark(self, waiting: Waiting) -> None:
        if waiting.place != "parked":
            return
        waiting.place = "new"
        for name in _awaited(waiting):
            held = self._parked[name]
            held.pop(waiting.info.uid, None)
            if not held:
                del self._parked[name]

    def _delay(self, waiting: Waiting, now: float, brought: str) -> None:
        """Let a pod wait out its back-off, counted from its last failure: 1 s, doubling to 10 s."""
        ready = waiting.since + min(self._first * 2.0 ** min(waiting.attempts - 1, 30), self._last)
        if ready <= now:
            self._activate(waiting, brought)
            return
        waiting.place = "backoff"
        self.incoming[brought, "backoff"] += 1
        heapq.heappush(self._backoff, (ready, next(self._order), waiting.info.uid))

    def _activate(self, waiting: Waiting, brought: str) -> None:
        waiting.place = "active"
        self.incoming[brought, "active"] += 1
        info = waiting.info
        heapq.heappush(self._active, (-info.priority, waiting.since, next(self._order), info.uid))


def _shown(event: str) -> str:
    """Return upstream's name of an event of the cluster: `NodeAdd`, `AssignedPodDelete`."""
    kind, _, action = event.partition("/")
    return f"AssignedPod{action}" if kind == "Pod" else f"{kind}{action}"


def _same(one: PodInfo, other: PodInfo) -> bool:
    """Whether nothing changed that decides where a pod may go."""
    return one.pod["spec"] == other.pod["spec"] and one.group == other.group


def _awaited(waiting: Waiting) -> set[str]:
    """Return the events that a pod waits for. A plug-in that names none may be turned by any."""
    if not all(plugin.events for plugin in waiting.refused_by):
        return {_ANYTHING}
    names = {name for plugin in waiting.refused_by for name in plugin.events} or {_ANYTHING}
    if waiting.claim and _DELETED in names:
        names = names - {_DELETED} | {f"{_DELETED}/{waiting.claim}"}
    return names


def _helps(waiting: Waiting, event: Event) -> bool:
    """Whether one of the plug-ins that refused a pod would look at it again after this event."""
    if not waiting.refused_by:
        return True
    concerned = (plugin for plugin in waiting.refused_by if not plugin.events or event.name in plugin.events)
    return any(_hinted(plugin, waiting, event) for plugin in concerned)


def _hinted(plugin: Plugin, waiting: Waiting, event: Event) -> bool:
    if plugin.hint is None:
        return True
    try:
        return plugin.hint(waiting.info, event)
    except Exception:
        # a hint that fails must not leave the pod asleep
        log.exception("the queueing hint of %s failed", plugin.name)
        return True
