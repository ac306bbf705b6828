"""The store's contract on etcd v3. Any number of apiservers may share one cluster.

Made with `await EtcdStore.open(endpoints, …)`; closed by the same. What always holds: a write is never sent twice unless it cannot have
arrived; one whose answer was lost is reported as failed with an unknown outcome, which a later read tells.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from kubern.base.clock import Clock
from kubern.store.contract import (
    Compacted,
    FutureRevision,
    KeyValue,
    LeaseNotFound,
    RangeResult,
    StoreError,
    StoreFull,
    StoreUnavailable,
    TxnResult,
    prefix_end,
)  # fmt: skip
from kubern.store.etcd import rpc_pb2 as rpc
from kubern.store.etcd.members import SECONDS, Lost, Members, is_lost
from kubern.store.etcd.tls import Tls
from kubern.store.etcd.watch import EtcdWatch, Span

COMPACT_EVERY = 300.0
"""Seconds between compactions of what is older than that, as upstream's apiserver does (--etcd-compaction-interval)."""
_COMPACTED = b"/registry/kubern/compacted"
"""Holds the revision of the last round, so that of several apiservers one compacts."""
_log = logging.getLogger(__name__)


class EtcdStore:
    """See `contract.Store`. Keys stand below `prefix` in etcd."""

    shared = True

    def __init__(self, members: Members, prefix: bytes, newest: int) -> None:
        """Use `open`."""
        self.members = members
        self._prefix = prefix
        self._newest = newest
        self._closed = False
        self._watches: set[EtcdWatch] = set()
        self._compaction: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        endpoints: Sequence[str],
        *,
        clock: Clock,
        tls: Tls | None = None,
        prefix: bytes = b"",
        compact_every: float = COMPACT_EVERY,
        patience: float = SECONDS,
    ) -> EtcdStore:
        """Connect to a cluster; `compact_every` and `patience` (for an answer) are in seconds; 0: compact only when asked.

        Raises `StoreUnavailable` when no member answers, `ValueError` and `OSError` for settings that cannot be used."""
        members = Members(endpoints, tls or Tls(), clock)
        try:
            answer = await members.read("Range", rpc.RangeRequest(key=prefix or b"\0", count_only=True), patience)
        except (StoreError, Lost) as error:
            await members.close()
            text = error.details() if isinstance(error, Lost) else error
            raise StoreUnavailable(f"etcd at {', '.join(endpoints)} cannot be used: {text}") from error
        store = cls(members, prefix, answer.header.revision)
        if compact_every:
            store._compaction = asyncio.get_running_loop().create_task(
                store._compact_old(compact_every), name="etcd compaction"
            )
        return store

    async def revision(self) -> int:
        """See `contract.Store.revision`: asks a quorum."""
        return (await self._range(rpc.RangeRequest(key=self._prefix or b"\0", count_only=True))).revision

    async def size(self) -> int:
        """See `contract.Store.size`: of the member that answers."""
        return int((await self.members.read("Status", rpc.StatusRequest())).dbSize)

    async def range(
        self, key: bytes, end: bytes | None = None, *, limit: int = 0, revision: int = 0, count_only: bool = False
    ) -> RangeResult:
        """See `contract.Store.range`."""
        self._check_open()
        span = self._span(key, end)
        return await self._range(
            rpc.RangeRequest(key=span.start, range_end=span.end, limit=limit, revision=revision, count_only=count_only)
        )

    async def _range(self, request: rpc.RangeRequest) -> RangeResult:
        try:
            answer = await self.members.read("Range", request)
        except Lost as error:
            raise await self._refusal(error, request.revision) from error
        self._newest = max(self._newest, answer.header.revision)
        span = self._span(b"", None)
        items = tuple(span.key_value(found) for found in answer.kvs)
        return RangeResult(items, answer.header.revision, answer.more, answer.count)

    async def txn(self, key: bytes, value: bytes | None, *, expected: int | None = None, lease: int = 0) -> TxnResult:
        """See `contract.Store.txn`."""
        self._check_open()
        full = self._prefix + key
        read = rpc.RequestOp(request_range=rpc.RangeRequest(key=full))
        request = rpc.TxnRequest(failure=[read])
        if expected is not None:
            request.compare.append(
                rpc.Compare(result=rpc.Compare.EQUAL, target=rpc.Compare.MOD, key=full, mod_revision=expected)
            )
        if value is None:
            if not expected:
                there = rpc.Compare(result=rpc.Compare.GREATER, target=rpc.Compare.VERSION, key=full, version=0)
                request.compare.append(there)
            delete = rpc.DeleteRangeRequest(key=full)
            request.success.append(rpc.RequestOp(request_delete_range=delete))
        else:
            put = rpc.PutRequest(key=full, value=value, lease=lease)
            known = rpc.RangeRequest(key=full, keys_only=True)
            request.success.extend([rpc.RequestOp(request_put=put), rpc.RequestOp(request_range=known)])
        try:
            answer = await self.members.write("Txn", request)
        except Lost as error:
            if is_lost(error):
                # what stands there now may be somebody else's, even if it is the same: nobody can say whose write it was
                raise StoreUnavailable(f"etcd did not say whether the write was made: {error.details()}") from error
            raise await self._refusal(error, 0) from error
        self._newest = max(self._newest, answer.header.revision)
        return self._result(answer, value)

    def _result(self, answer: rpc.TxnResponse, value: bytes | None) -> TxnResult:
        revision = int(answer.header.revision)
        span = self._span(b"", None)
        if not answer.succeeded:
            found = answer.responses[0].response_range.kvs
            return TxnResult(False, revision, span.key_value(found[0]) if found else None)
        if value is None:
            return TxnResult(True, revision, None)
        written = span.key_value(answer.responses[1].response_range.kvs[0])
        return TxnResult(True, written.mod_revision, written._replace(value=value))

    async def same(self, key: bytes, end: bytes, before: int, after: int) -> bool:
        """See `contract.Store.same`: nothing is newer, and nothing is missing. etcd reads the range, and sends next to nothing."""
        self._check_open()
        span = self._span(key, end)
        newer = rpc.RangeRequest(
            key=span.start, range_end=span.end, revision=after, min_mod_revision=before + 1, keys_only=True, limit=1
        )
        if (await self._range(newer)).items:
            return False
        count = [(await self.range(key, end, revision=revision, count_only=True)).total for revision in (before, after)]
        return count[0] == count[1]

    def watch(self, key: bytes, end: bytes | None = None, *, revision: int = 0) -> EtcdWatch:
        """See `contract.Store.watch`. From now on means: from what this store object has last seen."""
        self._check_open()
        watch = EtcdWatch(self.members, self._span(key, end), revision or self._newest + 1)
        self._watches = {one for one in self._watches if not one._task.done()} | {watch}
        return watch

    async def compact(self, revision: int) -> None:
        """See `contract.Store.compact`."""
        self._check_open()
        try:
            await self.members.write("Compact", rpc.CompactionRequest(revision=revision, physical=True))
        except Lost as error:
            raise await self._refusal(error, revision) from error

    async def alarms(self) -> list[rpc.AlarmMember]:
        """Return what members complain of. Raises `StoreError`."""
        try:
            return list((await self.members.read("Alarm", rpc.AlarmRequest())).alarms)
        except Lost as error:
            raise await self._refusal(error, 0) from error

    async def grant(self, ttl: int) -> int:
        """See `contract.Store.grant`. etcd may keep a lease longer than a very short `ttl` asks for."""
        self._check_open()
        try:
            return int((await self.members.write("LeaseGrant", rpc.LeaseGrantRequest(TTL=ttl))).ID)
        except Lost as error:
            raise await self._refusal(error, 0) from error

    async def keep_alive(self, lease: int) -> int:
        """See `contract.Store.keep_alive`."""
        self._check_open()
        ttl = await self.members.keep_alive(lease)
        if ttl <= 0:
            raise LeaseNotFound(f"lease {lease} not found")
        return ttl

    async def revoke(self, lease: int) -> None:
        """See `contract.Store.revoke`."""
        self._check_open()
        try:
            await self.members.write("LeaseRevoke", rpc.LeaseRevokeRequest(ID=lease))
        except Lost as error:
            raise await self._refusal(error, 0) from error

    async def close(self) -> None:
        """See `contract.Store.close`."""
        if self._closed:
            return
        self._closed = True
        if self._compaction is not None:
            self._compaction.cancel()
            await asyncio.gather(self._compaction, return_exceptions=True)
        for watch in self._watches:
            watch.close()
        await asyncio.gather(*(watch._task for watch in self._watches), return_exceptions=True)
        await self.members.close()

    async def _refusal(self, error: Lost, revision: int) -> StoreError:
        """Return what etcd's refusal means."""
        text = error.details() or ""
        if "has been compacted" in text:
            return Compacted(await self._oldest())
        if "future revision" in text:
            return FutureRevision(await self.revision())
        if "lease not found" in text:
            return LeaseNotFound(text)
        if "database space exceeded" in text:
            return StoreFull(text)
        return StoreUnavailable(f"etcd: {text}")

    async def _oldest(self) -> int:
        """Return the oldest revision that can be read: etcd says it only to a watch that begins before it."""
        probe = EtcdWatch(self.members, self._span(b"\xff", None), 1)
        try:
            async with asyncio.timeout(5):
                await anext(probe)
        except Compacted as error:
            return error.compact_revision
        except (TimeoutError, StopAsyncIteration, StoreError):
            pass
        finally:
            probe.close()
        return 0

    async def _compact_old(self, every: float) -> None:
        """Compact what was superseded a round ago; whoever moves the mark first does it, and the others wait for the next round."""
        while True:
            try:
                mark: KeyValue | None = next(iter((await self.range(_COMPACTED)).items), None)
                await self.members.clock.sleep(every)
                seen, value = (mark.mod_revision, int(mark.value)) if mark else (0, 0)
                now = await self.revision()
                moved = await self.txn(_COMPACTED, b"%d" % now, expected=seen)
                if moved.succeeded and value:
                    await self.compact(value)
            except StoreError as error:
                _log.warning("etcd was not compacted; it will be tried again", extra={"error": str(error)})
                await self.members.clock.sleep(every)

    def _span(self, key: bytes, end: bytes | None) -> Span:
        start = self._prefix + key
        if end is None:
            return Span(self._prefix, start, b"")
        if end == b"\0":
            return Span(self._prefix, start or b"\0", prefix_end(self._prefix))
        return Span(self._prefix, start, self._prefix + end)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")
