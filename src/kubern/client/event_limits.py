"""How many Events a component may send: similar ones are combined, and an object that is spoken of all the time falls silent.

Called by the event recorder, once for every Event and before it waits to be sent. What always holds: memory is bounded, whatever is
recorded. The figures and what counts as one object are client-go's: ten different messages of one kind about one object within ten
minutes, then one combined Event whose count grows; 25 Events an object at once, then one every five minutes. So a ReplicaSet of 5,000
costs 25 writes of Events and not 5,000.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, TypeVar

MAX_SIMILAR, SIMILAR_WITHIN = 10, 600.0
BURST, REFILL = 25.0, 1 / 300
MAX_REMEMBERED = 4096
COMBINED = "(combined from similar events): "

Key = tuple[str, ...]
_V = TypeVar("_V")


class _Group(NamedTuple):
    messages: frozenset[str]
    at: float


class EventLimits:
    """What one component has said lately. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._groups: OrderedDict[Key, _Group] = OrderedDict()
        self._buckets: OrderedDict[Key, tuple[float, float]] = OrderedDict()
        """By object: how many Events it has left, and when that was so."""

    def combined(self, similar: Key, message: str, now: float) -> bool:
        """Note an Event; tell whether it is to be combined with those like it: of one object, type and reason."""
        group = self._groups.pop(similar, None)
        if group is None or now - group.at > SIMILAR_WITHIN:
            group = _Group(frozenset(), now)
        messages = group.messages | {message}
        many = len(messages) >= MAX_SIMILAR
        _keep(self._groups, similar, _Group(group.messages if many else messages, now))
        return many

    def allows(self, about: Key, now: float) -> bool:
        """Take one Event from what an object has left; False when there is none."""
        left, at = self._buckets.pop(about, (BURST, now))
        left = min(BURST, left + (now - at) * REFILL)
        allowed = left >= 1.0
        _keep(self._buckets, about, (left - allowed, now))
        return allowed


def _keep(held: OrderedDict[Key, _V], key: Key, value: _V) -> None:
    held[key] = value
    if len(held) > MAX_REMEMBERED:
        held.popitem(last=False)
