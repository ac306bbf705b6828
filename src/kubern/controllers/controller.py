"""What a file in `kinds/` exports as CONTROLLER, and what its parts look like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from kubern.base.clock import Clock
from kubern.base.errors import StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.event_counts import EventCounts
from kubern.client.informer import Informers, Key, key_of
from kubern.client.queue_counts import QueueCounts
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.counters import Counters, Increment
from kubern.controllers.owners import controller_of
from kubern.controllers.queue_names import queue_name

ToKeys = Callable[[Obj | None, Obj | None, Cache], Iterable[Key]]
"""From a change (before, after) to the keys to look at again."""


class Watch(NamedTuple):
    """A resource that is followed, and how a change of it becomes keys."""

    gvr: GVR
    keys: ToKeys


class Context(NamedTuple):
    """What a running controller is given."""

    client: Client
    clock: Clock
    informers: Informers
    cache: Cache
    queues: list[QueueCounts]
    """The numbers of all work queues."""
    counters: Counters
    """What controllers count of what they do."""
    told: EventCounts
    """What became of their Events."""

    def counts(self, controller: str) -> QueueCounts:
        """Return the numbers of a new queue, the one of the controller of this name."""
        counts = QueueCounts(queue_name(controller))
        self.queues.append(counts)
        return counts


@dataclass(frozen=True, slots=True)
class Reconciler:
    """A controller of the usual kind: a pure decision that the shared loop asks again and again.

    `observe` reads the cache only and returns what `decide` needs, None when there is nothing to do. `gather` adds what no cache
    has. `failed` gives the status to write when an action failed.
    """

    resource: GVR
    watches: tuple[Watch, ...]
    observe: Callable[[Key, Cache], Any]
    decide: Callable[[Any, datetime], Plan]
    component: str
    """The source of its Events."""
    workers: int = 5
    gather: Callable[[Any, Client], Awaitable[Any]] | None = None
    failed: Callable[[Any, StatusError, datetime], Obj | None] | None = None
    recall: Callable[[Any, Any, datetime], tuple[Any, Any]] | None = None
    """(observed, memory, now) → (observed with what it needs of the memory, new memory); the loop keeps one memory a key, None at
    first, until there is nothing to do for the key."""
    new_recall: Callable[[], Callable[[Any, Any, datetime], tuple[Any, Any]]] | None = None
    """Makes the `recall` of one run, where it also remembers something about all keys together."""
    count: Callable[[Any, Plan | None], Iterable[Increment]] | None = None
    """(observed, the plan that was carried out, None for one that could not be) → what that adds to metrics."""


@dataclass(frozen=True, slots=True)
class Controller:
    """One controller, by upstream's name. It is either a reconciler, or runs by itself."""

    name: str
    reconciler: Reconciler | None = None
    _: KW_ONLY
    account: str
    """The account in kube-system that it acts as where each has its own, by the name that upstream's has; "" acts as the program."""
    run: Callable[[Context], Awaitable[None]] | None = None
    by_default: bool = True
    """Whether `*` means this one too; as upstream, some run only when they are named."""
    beside: Mapping[str, Reconciler] = field(default_factory=dict)
    """What it looks after besides, each by the name of its work queue."""

    @property
    def reconcilers(self) -> tuple[Reconciler, ...]:
        """All of them."""
        return (*((self.reconciler,) if self.reconciler is not None else ()), *self.beside.values())


def itself(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A change of an object is its own key's business."""
    obj = after if after is not None else before
    return (key_of(obj),) if obj is not None else ()


def owner(kind: str) -> ToKeys:
    """A change of an object is the business of its controlling owner of this kind, before and after."""

    def keys(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
        found = set()
        for obj in (before, after):
            reference = controller_of(obj) if obj is not None else None
            if obj is not None and reference is not None and reference["kind"] == kind:
                found.add((obj["metadata"].get("namespace", ""), reference["name"]))
        return found

    return keys


def owner_or_selecting(kind: str, gvr: GVR, selected: Callable[[Obj, Obj], bool]) -> ToKeys:
    """As `owner`; the change of an orphan is the business of everybody of `gvr` in its namespace who would select it."""
    owning = owner(kind)

    def keys(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
        found = set(owning(before, after, cache))
        if after is not None and controller_of(after) is None:
            namespace = after["metadata"].get("namespace", "")
            found.update(key_of(each) for each in cache.list(gvr, namespace) if selected(each, after))
        return found

    return keys


def always(*keys: Key) -> ToKeys:
    """Any change leads to the same keys."""
    return lambda before, after, cache: keys
