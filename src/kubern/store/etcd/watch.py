"""A watch of the etcd back end: follows a range from one member, and goes on at another where it was when that one is lost."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import grpc.aio

from kubern.store.contract import Compacted, Event, KeyValue, StoreError
from kubern.store.etcd import rpc_pb2 as rpc
from kubern.store.etcd.members import Lost, Members, is_lost

MAX_UNREAD = 20_000
"""Events that may wait to be read before the watch is cut off."""
_PAUSE = 0.2
_log = logging.getLogger(__name__)


class Span:
    """A range of keys below the store's prefix."""

    def __init__(self, prefix: bytes, start: bytes, end: bytes) -> None:
        self.prefix, self.start, self.end = prefix, start, end

    def key_value(self, found: Any) -> KeyValue:
        """Return what etcd answered, without the prefix."""
        return KeyValue(
            found.key[len(self.prefix) :],
            found.value,
            found.create_revision,
            found.mod_revision,
            found.version,
            found.lease,
        )


class EtcdWatch:
    """See `contract.Watch`. `revision` is the first whose events are wanted."""

    def __init__(self, members: Members, span: Span, revision: int, max_unread: int = MAX_UNREAD) -> None:
        self._members, self._span = members, span
        self._next = revision
        self._max_unread = max_unread
        self._unread = 0
        self._batches: deque[Sequence[Event]] = deque()
        self._ended: StoreError | None = None
        self._closed = False
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="etcd watch")

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]:
        return self

    async def __anext__(self) -> Sequence[Event]:
        while not self._batches:
            if self._ended is not None:
                raise self._ended
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        batch = self._batches.popleft()
        self._unread -= len(batch)
        return batch

    def close(self) -> None:
        """End the watch; what has arrived can still be read."""
        self._closed = True
        self._task.cancel()
        self._wake.set()

    async def _run(self) -> None:
        while self._ended is None:
            at, call = self._members.watch()
            try:
                await self._follow(call)
            except Lost as error:
                # a stream that ends while something is written to it is INTERNAL to gRPC, whatever ended it
                if not is_lost(error) and error.code() is not grpc.StatusCode.INTERNAL:
                    self._end(StoreError(f"etcd ended the watch: {error.details()}"))
                self._members.leave(at)
                _log.debug("a watch moves to another member", extra={"revision": self._next, "error": error.details()})
                await self._members.clock.sleep(_PAUSE)
            finally:
                call.cancel()

    async def _follow(self, call: Any) -> None:
        """Take events from one member until it is lost or the watch cannot go on."""
        span = self._span
        create = rpc.WatchCreateRequest(key=span.start, range_end=span.end, start_revision=self._next, prev_kv=True)
        await call.write(rpc.WatchRequest(create_request=create))
        while True:
            answer = await call.read()
            if answer is grpc.aio.EOF:
                await self._members.clock.sleep(_PAUSE)
                return
            if answer.compact_revision:
                self._end(Compacted(answer.compact_revision))
                return
            if answer.canceled:
                self._end(StoreError(f"etcd ended the watch: {answer.cancel_reason}"))
                return
            if answer.events:
                self._take([self._event(event) for event in answer.events])
                if self._ended is not None:
                    return

    def _take(self, batch: Sequence[Event]) -> None:
        self._next = batch[-1].current.mod_revision + 1
        self._unread += len(batch)
        if self._unread > self._max_unread:
            self._batches.clear()
            self._end(Compacted(self._next))
            return
        self._batches.append(batch)
        self._wake.set()

    def _event(self, event: Any) -> Event:
        deleted = event.type == rpc.Event.DELETE
        previous = self._span.key_value(event.prev_kv) if event.HasField("prev_kv") else None
        return Event(deleted, self._span.key_value(event.kv), previous)

    def _end(self, error: StoreError) -> None:
        self._ended = error
        self._wake.set()
