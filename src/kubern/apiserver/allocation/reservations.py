"""What a write takes besides its key: the addresses and ports of Services.

Called by `writing` and `deletion` around every write. What always holds: what was taken for a write that failed is given back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from kubern.api.resource import Resource
from kubern.base.json import Obj

Undo = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Give nothing back."""


class Reservations:
    """The hooks of resources that take something, by group resource."""

    def __init__(self) -> None:
        self._takers: dict[str, Taker] = {}

    def add(self, group_resource: str, taker: Taker) -> None:
        """Let `taker` look at every write of a resource."""
        self._takers[group_resource] = taker

    async def on_create(self, resource: Resource, obj: Obj, dry_run: bool) -> Undo:
        """Take what a new object needs and write it into `obj`. Raises `Invalid`. The result gives it back."""
        taker = self._takers.get(resource.group_resource)
        return await taker.take(obj, None, dry_run) if taker else nothing

    async def on_update(self, resource: Resource, new: Obj, old: Obj) -> Undo:
        """Take what an update needs in addition."""
        taker = self._takers.get(resource.group_resource)
        return await taker.take(new, old) if taker else nothing

    async def after_update(self, resource: Resource, new: Obj, old: Obj) -> None:
        """Give back what the new object no longer needs."""
        taker = self._takers.get(resource.group_resource)
        if taker:
            await taker.give_back(old, new)

    async def on_delete(self, resource: Resource, obj: Obj) -> None:
        """Give back all that a deleted object held."""
        taker = self._takers.get(resource.group_resource)
        if taker:
            await taker.give_back(obj, None)


class Taker(Protocol):
    """Takes and gives back for one resource."""

    async def take(self, new: Obj, old: Obj | None, dry_run: bool = False) -> Undo:
        """Take what `new` needs and `old` does not hold, writing it into `new`; the result gives it back."""
        ...

    async def give_back(self, held: Obj, kept: Obj | None) -> None:
        """Give back what `held` has and `kept` does not."""
        ...
