"""What `kubern store` does: snapshot, restore, migrate, compact, defrag and check, on either back end.

What always holds: nothing is written over. A target has to be empty, a snapshot's file must not be there yet; a source is only read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from kubern.base.clock import Clock
from kubern.store import files
from kubern.store.contract import Compacted, KeyValue, Store, StoreError, prefix_end
from kubern.store.embedded import EmbeddedStore
from kubern.store.etcd import rpc_pb2 as rpc
from kubern.store.etcd.store import EtcdStore
from kubern.store.etcd.tls import Tls

ROOT = b"/registry/"
EVENT_SECONDS = 3600
"""How long keys on a lease are kept from now on when it is not known for how long it was granted: as long as Events are."""
_PAGE, _TOGETHER = 500, 64
_ALARMS = {
    1: "NOSPACE: writes are refused until there is room (kubern store compact, then defrag) and the alarm is off (disarm)",
    2: "CORRUPT: its data differ from the other members'",
}


class Place(NamedTuple):
    """Where a store is: a directory, or etcd."""

    directory: Path | None = None
    servers: tuple[str, ...] = ()
    tls: Tls = Tls()
    prefix: bytes = b""

    @property
    def file(self) -> Path | None:
        """The database of an embedded store."""
        return self.directory / files.NAME if self.directory else None

    def __str__(self) -> str:
        return str(self.directory) if self.directory else ", ".join(self.servers)


async def snapshot(place: Place, file: Path, clock: Clock) -> str:
    """Write all that a store holds into one file; the store may be in use. Raises `StoreError`, `OSError`."""
    if place.file is not None:
        revision = await asyncio.to_thread(files.copy_file, place.file, file)
        return f"{file}: {place} at revision {revision}"
    async with _Etcd(place, clock) as store:
        revision = await store.revision()
        items = [item async for item in _all(store, revision)]
    count = await asyncio.to_thread(files.write_file, file, items, revision)
    return f"{file}: {count} keys of {place} at revision {revision}"


async def restore(file: Path, place: Place, clock: Clock) -> str:
    """Fill an empty store from a snapshot. Raises `StoreError`, `OSError`."""
    if place.file is not None:
        with files.alone(place.file.parent):
            revision = await asyncio.to_thread(files.copy_file, file, place.file)
        return f"{place}: restored at revision {revision}"
    items = await asyncio.to_thread(lambda: list(files.read_file(file)))
    async with _Etcd(place, clock) as store:
        count = await _fill(store, items, files.lease_seconds(file))
    return f"{place}: {count} keys restored"


async def migrate(source: Place, target: Place, clock: Clock) -> str:
    """Copy a store that nobody writes to into an empty one of either kind. Raises `StoreError`, `OSError`."""
    if source.file is not None:
        _there(source.file)
        with files.alone(source.file.parent):  # nobody may write to it meanwhile
            return await restore(source.file, target, clock)
    if target.file is not None:
        with files.alone(target.file.parent):
            return await snapshot(source, target.file, clock)
    async with _Etcd(source, clock) as store, _Etcd(target, clock) as other:
        items = [item async for item in _all(store, await store.revision())]
        return f"{target}: {await _fill(other, items, {})} keys copied"


async def compact(place: Place, revision: int, clock: Clock) -> str:
    """Forget what was overwritten or deleted before `revision` (0: now). Raises `StoreError`, `OSError`."""
    store: Store
    if place.file is not None and place.directory is not None:
        _there(place.file)
        store = await EmbeddedStore.open(place.directory, clock=clock, retention=None)
    else:
        store = await _Etcd(place, clock).opened()
    try:
        at = revision or await store.revision()
        try:
            await store.compact(at)
        except Compacted:
            if revision:
                raise
            # another one has just forgotten all but the present, and nothing was written since
        return f"{place}: compacted at revision {at}"
    finally:
        await store.close()


async def defrag(place: Place, clock: Clock) -> str:
    """Give back the room of what was deleted: of a stopped embedded store, or of every member of etcd. Raises `StoreError`, `OSError`."""
    if place.directory is not None:
        before, after = await asyncio.to_thread(files.shrink, place.directory)
        return f"{place}: {before} bytes before, {after} after"
    async with _Etcd(place, clock) as store:
        was = [int(status.dbSize) for status in await store.members.each("Status", rpc.StatusRequest(), 5)]
        await store.members.each("Defragment", rpc.DefragmentRequest(), 120)
        now = [int(status.dbSize) for status in await store.members.each("Status", rpc.StatusRequest(), 5)]
    sizes = zip(store.members.endpoints, was, now, strict=True)
    return "\n".join(f"{endpoint}: {old} bytes before, {new} after" for endpoint, old, new in sizes)


async def disarm(place: Place, clock: Clock) -> str:
    """Let an etcd that ran out of room take writes again, after there is some. Raises `StoreError`, `OSError`."""
    if place.directory is not None:
        raise StoreError(
            "only etcd keeps refusing writes once it was full (--etcd-servers); an embedded store goes on when there is room"
        )
    async with _Etcd(place, clock) as store:
        raised = await store.alarms()
        for alarm in raised:
            await store.members.write(
                "Alarm",
                rpc.AlarmRequest(action=rpc.AlarmRequest.DEACTIVATE, memberID=alarm.memberID, alarm=alarm.alarm),
            )
    return f"{place}: alarms disarmed: {len(raised)}"


async def check(place: Place, clock: Clock) -> list[str]:
    """Return what is wrong with a store: damaged pages, values that are no objects, members without a leader. Raises `StoreError`."""
    if place.file is not None:
        return await asyncio.to_thread(files.check_file, place.file)
    async with _Etcd(place, clock) as store:
        statuses = await store.members.each("Status", rpc.StatusRequest(), 5)
        problems = [
            f"{endpoint} has no leader"
            for endpoint, status in zip(store.members.endpoints, statuses, strict=True)
            if not status.leader
        ]
        problems += [
            f"member {alarm.memberID:x} says {_ALARMS.get(alarm.alarm, alarm.alarm)}" for alarm in await store.alarms()
        ]
        async for item in _all(store, await store.revision()):
            if not _is_object(item.value):
                problems.append(f"the value of {item.key.decode(errors='replace')} is neither JSON nor encrypted")
    return problems


class _Etcd:
    """An etcd store that is closed in the end."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place, self._clock = place, clock

    async def opened(self) -> EtcdStore:
        place = self._place
        if not place.servers:
            raise StoreError("name the store: --data-dir, or --etcd-servers")
        return await EtcdStore.open(
            place.servers, clock=self._clock, tls=place.tls, prefix=place.prefix, compact_every=0
        )

    async def __aenter__(self) -> EtcdStore:
        self._store = await self.opened()
        return self._store

    async def __aexit__(self, *_: object) -> None:
        await self._store.close()


async def _all(store: Store, revision: int) -> AsyncIterator[KeyValue]:
    """Yield every key below the root as it stood at a revision, in pages."""
    start = ROOT
    while True:
        page = await store.range(start, prefix_end(ROOT), limit=_PAGE, revision=revision)
        for item in page.items:
            yield item
        if not page.more:
            return
        start = page.items[-1].key + b"\0"


async def _fill(store: EtcdStore, items: Sequence[KeyValue], seconds: dict[int, int]) -> int:
    """Write keys into a store that has none, in their order."""
    if (await store.range(ROOT, prefix_end(ROOT), count_only=True)).total:
        raise StoreError("the store is not empty; nothing is written over")
    leases = {
        lease: await store.grant(seconds.get(lease, EVENT_SECONDS)) for lease in {item.lease for item in items} - {0}
    }
    for start in range(0, len(items), _TOGETHER):
        part = items[start : start + _TOGETHER]
        await asyncio.gather(
            *(store.txn(item.key, item.value, expected=0, lease=leases.get(item.lease, 0)) for item in part)
        )
    return len(items)


def _there(file: Path) -> None:
    if not file.is_file():
        raise StoreError(f"there is no store at {file}")


def _is_object(value: bytes) -> bool:
    if value.startswith(b"k8s:enc:"):
        return True
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True
