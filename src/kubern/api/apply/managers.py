"""An object's `managedFields`: who holds which fields, and how a write moves them from one holder to another.

Pure. What always holds: entries come out in upstream's order (appliers first, then by time and name), an entry without fields is left
out, and an entry that a write does not touch keeps its time, so that a write that changes nothing stays one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

from kubern.api.apply.fieldset import Fields, difference, intersection, paths, union, well_formed
from kubern.api.apply.shape import Changes
from kubern.base.json import Obj

APPLY, UPDATE = "Apply", "Update"
MOST_UPDATERS = 10
ANCIENT = "ancient-changes"
FIRST = "before-first-apply"


class Manager(NamedTuple):
    """Who: an applier is one whatever version it applies in, an updater another one in each version."""

    name: str
    operation: str
    version: str = ""
    subresource: str = ""

    @property
    def text(self) -> str:
        """The manager as conflicts name it."""
        shown = f'"{self.name}"'
        if self.subresource:
            shown += f' with subresource "{self.subresource}"'
        return f"{shown} using {self.version}" if self.operation == UPDATE else shown


class Held(NamedTuple):
    """The fields that a manager holds, in the version in which they are meant, since when (RFC 3339)."""

    api_version: str
    time: str
    fields: Fields


Managers = Mapping[Manager, Held]
ChangesIn = Callable[[str], Awaitable["Changes | None"]]
"""What a write changes, seen in one version of the object; None for a version that is not served any more."""


class Conflicting(Exception):
    """An applied configuration would change what others hold; `conflicts` are their managers and the fields' paths."""

    def __init__(self, held: Mapping[Manager, Fields]) -> None:
        self.held = held
        self.conflicts = [(manager, path) for manager, fields in held.items() for path in paths(fields)]
        super().__init__(_conflict_text(self.conflicts))


def manager(name: str, operation: str, api_version: str, subresource: str = "") -> Manager:
    """Return the identity of who writes in a version."""
    return Manager(name, operation, "" if operation == APPLY else api_version, subresource)


def decode(entries: Any, checked: bool = False) -> dict[Manager, Held]:
    """Return the managers of `managedFields`. Raises `ValueError` for entries that are not understood.

    What was `checked` before it was stored has sets of fields for certain: they are not looked through again.
    """
    found: dict[Manager, Held] = {}
    for entry in entries or ():
        fields = entry.get("fieldsV1") or {}
        if (
            entry.get("fieldsType") != "FieldsV1"
            or entry.get("operation") not in (APPLY, UPDATE)
            or not (checked or well_formed(fields))
        ):
            raise ValueError("managedFields cannot be understood")
        version = entry.get("apiVersion", "")
        who = manager(entry.get("manager", ""), entry["operation"], version, entry.get("subresource", ""))
        found[who] = Held(version, entry.get("time", ""), fields)
    return found


def encode(managers: Managers) -> list[Obj]:
    """Return the `managedFields` of the managers that hold anything."""
    kept = [(who, held) for who, held in managers.items() if held.fields]
    kept.sort(key=lambda one: (one[0].operation, one[1].time, one[0].name, one[1].api_version, one[0].subresource))
    return [_entry(who, held) for who, held in kept]


def _entry(who: Manager, held: Held) -> Obj:
    entry: Obj = {"manager": who.name} if who.name else {}
    entry["operation"] = who.operation
    entry["apiVersion"] = held.api_version
    if held.time:
        entry["time"] = held.time
    entry["fieldsType"] = "FieldsV1"
    entry["fieldsV1"] = held.fields
    if who.subresource:
        entry["subresource"] = who.subresource
    return entry


async def update(managers: Managers, who: Manager, api_version: str, changes: ChangesIn, now: str) -> Managers:
    """Return the managers after `who` has written: it holds what it set, nobody holds what it removed."""
    own = await changes(api_version)
    if own is None or (own[0] is None and own[1] is None):
        return managers
    left = await _taken(managers, changes)
    if own[0] is not None:
        before = left.get(who)
        left[who] = Held(api_version, now, union(before.fields, own[0]) if before else own[0])
    return _capped(left)


async def apply(
    managers: Managers, who: Manager, held: Held, changes: ChangesIn, force: bool
) -> Managers:  # fmt: skip
    """Return the managers after `who` has applied what makes it hold `held`. Raises `Conflicting` unless forced."""
    others = {other: one for other, one in managers.items() if other != who}
    own = await changes(held.api_version) or (None, None)
    if not force:
        conflicts: dict[Manager, Fields] = {}
        for other, one in others.items():
            changed = (await changes(one.api_version) or (None, None))[0]
            both = intersection(one.fields, changed) if changed is not None else {}
            if both:
                conflicts[other] = both
        if conflicts:
            raise Conflicting(conflicts)
    before = managers.get(who)
    same = before is not None and before[::2] == held[::2] and own == (None, None)
    left = await _taken(others, changes) if own != (None, None) else dict(others)
    left[who] = before if same and before is not None else held
    return left


async def _taken(managers: Managers, changes: ChangesIn) -> dict[Manager, Held]:
    """Return the managers without what a write changes or removes."""
    left: dict[Manager, Held] = {}
    for who, held in managers.items():
        seen = await changes(held.api_version)
        if seen is None:
            continue
        fields = held.fields
        for taken in seen:
            if taken is not None:
                fields = difference(fields, taken)
        if fields:
            left[who] = held if fields is held.fields else held._replace(fields=fields)
    return left


def _capped(managers: dict[Manager, Held]) -> dict[Manager, Held]:
    """Put the oldest updaters of a version together when there are more than `MOST_UPDATERS`."""
    updaters = [who for who in managers if who.operation == UPDATE]
    if len(updaters) <= MOST_UPDATERS:
        return managers
    updaters.sort(key=lambda who: (managers[who].time, who.name))
    count = len(updaters)
    first: dict[str, Manager] = {}
    for who in updaters:
        if count <= MOST_UPDATERS:
            break
        held = managers[who]
        oldest = first.setdefault(held.api_version, who)
        if oldest == who:
            continue
        bucket = Manager(ANCIENT, UPDATE, held.api_version)
        gathered = managers.pop(bucket, None) or managers.pop(oldest)
        del managers[who]
        managers[bucket] = held._replace(fields=union(gathered.fields, held.fields))
        first[held.api_version] = bucket
        count -= 1
    return managers


def _conflict_text(conflicts: Iterable[tuple[Manager, str]]) -> str:
    listed = list(conflicts)
    if len(listed) == 1:
        who, path = listed[0]
        return f"Apply failed with 1 conflict: conflict with {who.text}: {path}"
    lines: list[str] = []
    for who in sorted({who for who, _ in listed}, key=lambda who: who.text):
        lines += [f"conflicts with {who.text}:", *(f"- {path}" for other, path in listed if other == who)]
    return f"Apply failed with {len(listed)} conflicts: " + "\n".join(lines)
