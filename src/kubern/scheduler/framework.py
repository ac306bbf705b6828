"""The scheduling framework: what a plug-in is. The extension points and their names are upstream's; a filter or a score answers
for all nodes at once, as an array with one entry a row of `Columns`.

A plug-in is one file in `plugins/` that exports PLUGIN. A user's own is found through the entry point group
`kubern.scheduler.plugins`. Source: the Kubernetes documentation, "Scheduling Framework".
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.listers import DictListers, Listers
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.requests import PodRequests

Scores = npt.NDArray[np.float64]
MAX_SCORE = 100.0


class Cycle:
    """One scheduling cycle: the pod, the nodes, and what plug-ins keep between their extension points (`state`, by name)."""

    __slots__ = ("columns", "info", "listers", "pod", "requests", "state")

    def __init__(self, info: PodInfo, columns: Columns, listers: Listers | None = None) -> None:
        self.info = info
        self.pod: Obj = info.pod
        self.requests: PodRequests = info.requests
        self.columns = columns
        self.listers: Listers = listers if listers is not None else DictListers()
        self.state: dict[str, Any] = {}


class Refusal(NamedTuple):
    """Some nodes refused for one reason. `lasting`: no other pod's end would change it (preemption cannot help)."""

    nodes: Mask
    reason: str
    lasting: bool = False


class Event(NamedTuple):
    """A change of the cluster: `Node/Add`, `Pod/Delete`…, and the object before and after it where there is one."""

    name: str
    before: Obj | None = None
    after: Obj | None = None


PreFilter = Callable[[Cycle], str]
"""Returns why no node at all can take the pod, empty when some may."""

Filter = Callable[[Cycle], list[Refusal]]
"""Returns who is refused and why; several refusals may name the same node (all that it lacks)."""

Score = Callable[[Cycle, Mask], Scores | None]
"""Returns a score per node, any scale; only the nodes of the mask count. None: all nodes are equal to it."""

Normalize = Callable[[Scores, Mask], Scores]
"""Brings scores to 0 … 100."""

Hint = Callable[[PodInfo, Event], bool]
"""Whether an event may let a pod run that this plug-in refused."""


class Binding(NamedTuple):
    """What PreBind works with: a pod that is about to be bound to a node."""

    client: Client
    cycle: Cycle
    node: str
    clock: Clock


class Eviction(NamedTuple):
    """What PostFilter found: the pod fits on `node` once `victims` have left it."""

    node: str
    victims: tuple[PodInfo, ...]
    violations: int = 0
    """Victims that a PodDisruptionBudget protects."""


class Helpless(NamedTuple):
    """No pod's end helps; why, in upstream's words. `ineligible`: the pod may not preempt at all, and keeps the claim it has.

    `about`: what the message is about, empty for nothing in particular. `then`: what to write down, so that the next attempt may succeed.
    """

    message: str
    ineligible: bool = False
    about: str = "preemption"
    then: Callable[[Client], Awaitable[None]] | None = None

    @property
    def text(self) -> str:
        """The message as it stands in an event."""
        return f"{self.about}: {self.message}" if self.about else self.message


class NoRoom(NamedTuple):
    """What all PostFilter plug-ins said when none found room: their messages, and what is to be written down."""

    said: tuple[Helpless, ...] = ()

    @property
    def text(self) -> str:
        """All messages, as they stand in an event."""
        return ", ".join(each.text for each in self.said)

    @property
    def ineligible(self) -> bool:
        """Whether the pod keeps the claim that it has on a node."""
        return any(each.ineligible for each in self.said)


def make_room(cycle: Cycle, plugins: Sequence[Plugin], helpable: Mask, chance: random.Random) -> Eviction | NoRoom:
    """Ask the PostFilter plug-ins in order until one finds room for the pod."""
    said = []
    for plugin in plugins:
        if plugin.post_filter is not None:
            room = plugin.post_filter(cycle, plugins, helpable, chance)
            if isinstance(room, Eviction):
                return room
            said.append(room)
    return NoRoom(tuple(said))


@dataclass(frozen=True, slots=True)
class Plugin:
    """One scheduling plug-in: the extension points it takes part in, and the changes that may turn its refusal.

    `events` names what wakes a pod that it refused: `Node/Add`, `Node/Label`, `Node/Taint`, `Node/Allocatable`, `Pod/Delete`, `Pod/Add`,
    `Pod/Update`, and `Add`, `Update` or `Delete` of a kind that it reads (`PersistentVolumeClaim/Add`); `hint` looks closer at one. Without
    `events` every change wakes it.
    """

    name: str
    weight: int = 1
    pre_enqueue: Callable[[Obj], str] | None = None
    """Returns why a pod may not be tried at all yet, empty when it may."""
    pre_filter: PreFilter | None = None
    filter: Filter | None = None
    refuses: Callable[[Cycle, int], list[str]] | None = None
    """Answers `filter` for a single row: the reasons, empty when it is accepted. Preemption asks it many times; without it, `filter`."""
    skips: Callable[[Cycle], bool] | None = None
    """Whether `filter` has nothing to say about the pod, however few other pods there are."""
    by_requests: bool = False
    """`refuses` depends on nothing but the pod's requests and the row: its answers may be remembered."""
    lacking: Callable[[Cycle, int], str] | None = None
    """Says for people what exactly a row lacks that `filter` refused: the figures, the taint."""
    post_filter: Callable[[Cycle, Sequence[Plugin], Mask, random.Random], Eviction | Helpless] | None = None
    """Makes room when no node is left; the mask says where other pods' end might help."""
    score: Score | None = None
    normalize: Normalize | None = None
    reserve: Callable[[Cycle, str], None] | None = None
    """Take note that the pod goes to a node."""
    unreserve: Callable[[Cycle, str], None] | None = None
    """Undo `reserve`: the binding failed."""
    permit: Callable[[Cycle, str], Awaitable[str]] | None = None
    """Lets the pod go on to its node (empty) or not (why); it may take its time, other pods are scheduled meanwhile."""
    pre_bind: Callable[[Binding], Awaitable[None]] | None = None
    """Do what must be done before the binding; raises `StatusError` when that fails."""
    post_bind: Callable[[Cycle, str], None] | None = None
    """Take note that the pod is bound."""
    events: frozenset[str] = frozenset()
    hint: Hint | None = None
    configure: Callable[[Obj], Plugin] | None = None
    """Returns the plug-in with the arguments of a configuration file (`pluginConfig[].args`). Raises `ValueError`."""


def scaled(scores: Scores, mask: Mask) -> Scores:
    """Bring scores to 0 … 100 by the largest one: upstream's default normalization."""
    top = float(scores[mask].max(initial=0.0))
    return scores * (MAX_SCORE / top) if top > 0 else np.zeros_like(scores)


def reversed_scale(scores: Scores, mask: Mask) -> Scores:
    """Bring scores to 100 … 0: the largest one is the worst."""
    return MAX_SCORE - scaled(scores, mask)


def disjoint(refusals: list[Refusal]) -> list[Refusal]:
    """Return refusals of which each node has one, its first."""
    found: list[Refusal] = []
    for refusal in refusals:
        nodes = refusal.nodes
        for earlier in found:
            nodes = nodes & ~earlier.nodes
        if nodes.any():
            found.append(refusal._replace(nodes=nodes))
    return found


def never(cycle: Cycle, row: int) -> list[str]:
    """`refuses` of a plug-in all of whose refusals are lasting: other pods' end does not concern it."""
    return []
