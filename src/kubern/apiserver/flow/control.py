"""Priority and fairness at the door: every request that is not long-running takes seats here, at once or after waiting its turn.

Called by `edge.Edge`; fed with the FlowSchemas and PriorityLevelConfigurations from the watch caches. What always holds: while seats are
free a request passes synchronously, and what it took comes back exactly once.

A request that is answered synchronously holds its seats until the event loop's next turn. So the seats also limit how many requests
one turn of the loop answers, and a client with a thousand connections waits in its queues while another one's request passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kubern.apiserver.cache import Change
from kubern.apiserver.elsewhere import elsewhere
from kubern.apiserver.encoding import Entry
from kubern.apiserver.feed import Feed
from kubern.apiserver.flow.estimate import list_width
from kubern.apiserver.flow.level import Level
from kubern.apiserver.flow.matching import flow_of, matches
from kubern.apiserver.flow.objects import MANDATORY, flow_schemas, priority_levels
from kubern.apiserver.flow.queues import FairQueues, Ticket
from kubern.apiserver.flow.seats import borrowed, nominal_limits
from kubern.apiserver.identity import User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.clock import Clock
from kubern.base.errors import TooManyRequests
from kubern.base.json import Obj
from kubern.http.contract import Headers

ADJUST_EVERY = 10.0
_REMEMBERED = 4096


class Schema:
    """A FlowSchema that is in force."""

    __slots__ = ("_stamped", "level", "name", "obj", "stamp")

    def __init__(self, obj: Obj, level: Level) -> None:
        self.obj = obj
        self.name = str(obj["metadata"]["name"])
        self.level = level
        self.stamp: tuple[tuple[str, str], ...] = (
            ("x-kubernetes-pf-flowschema-uid", obj["metadata"].get("uid", "")),
            ("x-kubernetes-pf-prioritylevel-uid", level.uid),
        )
        self._stamped: dict[Headers, Headers] = {}

    def stamped(self, headers: Headers) -> Headers:
        """Return response headers with the two that say how the request was classified."""
        if type(headers) is not tuple:
            return [*headers, *self.stamp]
        found = self._stamped.get(headers)
        if found is None:
            if len(self._stamped) > 64:
                self._stamped.clear()
            found = self._stamped[headers] = (*headers, *self.stamp)
        return found


class Place(NamedTuple):
    """What a request holds until it is answered. `turn` is done when its turn has come; None: it may go on at once."""

    schema: Schema
    width: int
    turn: asyncio.Future[None] | None = None
    ticket: Ticket | None = None


class FlowControl:
    """All levels and schemas."""

    def __init__(self, seats: int, wait: float, clock: Clock, stored: Callable[[RequestInfo], int]) -> None:
        self._server = seats
        self._wait = wait
        self._clock = clock
        self._stored = stored
        """Returns how many objects a list looks at."""
        self._objects: dict[str, dict[str, Obj]] = {
            "flowschemas": {o["metadata"]["name"]: o for o in flow_schemas() if o["metadata"]["name"] in MANDATORY},
            "prioritylevelconfigurations": {
                o["metadata"]["name"]: o for o in priority_levels() if o["metadata"]["name"] in MANDATORY
            },
        }
        self._mandatory = {plural: dict(found) for plural, found in self._objects.items()}
        self.levels: dict[str, Level] = {}
        self.schemas: list[Schema] = []
        self._known: dict[object, Schema] = {}
        self._spenders: list[Level] = []
        self._ticking = False
        self._configure()

    def follow(self, feed: Feed) -> None:
        """Keep to the objects in the watch caches; before the feed starts."""
        for plural in self._objects:
            feed.listen(plural, _Listener(self, plural))

    def enter(self, user: User, info: RequestInfo) -> Place:
        """Take seats for a request, or a place in a queue. Raises `TooManyRequests`."""
        key = (
            user.name, user.groups, info.verb, info.group, info.resource, info.subresource, info.namespace,
            "" if info.is_resource else info.path,
        )  # fmt: skip
        schema = self._known.get(key)
        if schema is None:
            schema = self._classify(user, info)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = schema
        width = 1 if info.verb != "list" else list_width(info, self._stored(info))
        level = schema.level
        level.dispatched[schema.name] += 1
        if level.exempt or level.queues.take(width):
            return Place(schema, width)
        level.dispatched[schema.name] -= 1
        return self._queue(schema, width, user, info)

    def _queue(self, schema: Schema, width: int, user: User, info: RequestInfo) -> Place:
        level, turn = schema.level, asyncio.get_running_loop().create_future()
        ticket = level.queues.put(flow_of(schema.obj, user, info), width, turn)
        if ticket is None:
            reason = "queue-full" if level.queues.shape else "concurrency-limit"
            raise self._refusal(schema, reason)
        level.observe()
        return Place(schema, width, turn, ticket)

    def _refusal(self, schema: Schema, reason: str) -> TooManyRequests:
        schema.level.rejected[schema.name, reason] += 1
        return TooManyRequests("Too many requests, please try again later.", retry_after=1)

    async def wait(self, place: Place) -> None:
        """Wait for the turn of a queued request. Raises `TooManyRequests` when it does not come in time."""
        level, turn = place.schema.level, place.turn
        assert turn is not None
        assert place.ticket is not None
        schema, begun = place.schema.name, self._clock.monotonic()
        level.inqueue[schema] += 1
        executed = False
        try:
            with elsewhere(self._clock.monotonic):
                async with asyncio.timeout(self._wait) as limit:
                    await turn
            executed = True
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._free(level, place.width)  # the turn had come at the same moment: it is given on
            else:
                level.withdraw(place.ticket)
            if isinstance(error, TimeoutError) and limit.expired():
                raise self._refusal(place.schema, "time-out") from error
            raise
        finally:
            level.inqueue[schema] -= 1
            level.waited(schema, self._clock.monotonic() - begun, executed=executed)
        level.dispatched[schema] += 1

    def leave_soon(self, place: Place) -> None:
        """Give the seats of a request that has been answered synchronously back at the loop's next turn."""
        level = place.schema.level
        if level.exempt:
            return
        if not level.spent:
            self._spenders.append(level)
        level.spent += place.width
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_soon(self._tick)

    def leave(self, place: Place, seconds: float) -> None:
        """Give the seats of a request that ran for `seconds` back now."""
        if place.ticket:
            FairQueues.settle(place.ticket, seconds)
        self._free(place.schema.level, place.width)

    def _free(self, level: Level, width: int) -> None:
        if not level.exempt:
            level.queues.release(width)
            self._dispatch(level)

    def _tick(self) -> None:
        self._ticking = False
        spenders, self._spenders = self._spenders, []
        for level in spenders:
            level.queues.release(level.spent)
            level.spent = 0
            self._dispatch(level)

    def _dispatch(self, level: Level) -> None:
        while ticket := level.next():
            if ticket.turn.done():
                level.queues.release(ticket.width)
            else:
                ticket.turn.set_result(None)

    def _classify(self, user: User, info: RequestInfo) -> Schema:
        """Return the first schema that matches; the mandatory catch-all takes what no other takes."""
        for schema in self.schemas:
            if matches(schema.obj, user, info):
                return schema
        return next(schema for schema in self.schemas if schema.name == "catch-all")

    def change(self, plural: str, name: str, obj: Obj | None) -> None:
        """Take an object that was written, or None for one that was deleted."""
        obj = obj or self._mandatory[plural].get(name)
        if obj is None:
            self._objects[plural].pop(name, None)
        else:
            self._objects[plural][name] = obj
        self._configure()

    def load(self, plural: str, objects: Sequence[Obj]) -> None:
        """Start over with these objects."""
        self._objects[plural] = {**self._mandatory[plural], **{obj["metadata"]["name"]: obj for obj in objects}}
        self._configure()

    def _configure(self) -> None:
        objects = self._objects["prioritylevelconfigurations"]
        levels = {name: self.levels.get(name) or Level(name) for name in objects}
        for name, limits in nominal_limits(objects, self._server).items():
            level = levels[name]
            fresh = level.limits != limits
            level.configure(objects[name])
            level.limits = limits
            if fresh:
                level.queues.seats = limits.nominal
        gone = [level for name, level in self.levels.items() if name not in levels]
        self.levels = levels
        found = [obj for obj in self._objects["flowschemas"].values() if _level_name(obj) in levels]
        found.sort(key=lambda obj: (obj["spec"].get("matchingPrecedence") or 0, obj["metadata"]["name"]))
        self.schemas = [Schema(obj, levels[_level_name(obj)]) for obj in found]
        self._known.clear()
        for level in (*levels.values(), *gone):
            self._dispatch(level)

    async def run(self) -> None:
        """Lend the seats of idle levels to busy ones, again and again."""
        while True:
            await self._clock.sleep(ADJUST_EVERY)
            self.adjust()

    def adjust(self) -> None:
        """Divide the seats anew by what the levels wanted since the last time."""
        levels = [level for level in self.levels.values() if not level.exempt]
        given = borrowed([level.limits for level in levels], [level.demand() for level in levels], self._server)
        for level, seats in zip(levels, given, strict=True):
            level.queues.seats = max(seats, 1) if level.limits.most else 0
            self._dispatch(level)


def _level_name(schema: Obj) -> str:
    return str(schema["spec"]["priorityLevelConfiguration"]["name"])


class _Listener:
    """Feeds one of the two kinds to the control."""

    def __init__(self, control: FlowControl, plural: str) -> None:
        self._control = control
        self._plural = plural

    def load(self, entries: Sequence[Entry]) -> None:
        self._control.load(self._plural, [entry.obj() for entry in entries])

    def change(self, change: Change) -> None:
        entry = change.entry
        self._control.change(self._plural, entry.name, None if change.deleted else entry.obj())
