"""The store's contract: etcd's semantics in a handful of methods. Every back end passes the same contract tests.

Called by the apiserver only. Keys and values are bytes; a revision is one global counter that every successful write
moves by one. What always holds:

- A write that was answered is durable, and is one revision.
- A watcher sees every event after its start revision once, in revision order, or is told that it cannot.
- When a write's `txn` returns, its event has already been handed to every watch of this store object whose range holds the
  key (embedded back end) or will be (`etcd`): whoever needs read-your-writes waits for the answered revision.

Source: the etcd v3 API (KV, Watch and Lease services).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol


class KeyValue(NamedTuple):
    """One stored key. Revisions are global; `version` counts the writes of this key since it was created."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int = 0


class RangeResult(NamedTuple):
    """The keys found, in key order; `total` is how many the range holds in all, `more` whether `limit` cut it."""

    items: Sequence[KeyValue]
    revision: int
    more: bool
    total: int


class TxnResult(NamedTuple):
    """`succeeded` and the write's revision, or the key as it stands (`None`: absent) with the store's revision."""

    succeeded: bool
    revision: int
    current: KeyValue | None


class Event(NamedTuple):
    """One change. A deletion carries the key with an empty value and the deletion's revision; `previous` is what stood before."""

    deleted: bool
    current: KeyValue
    previous: KeyValue | None


class StoreError(RuntimeError):
    """The store cannot do what was asked; nothing was changed."""


class Compacted(StoreError):
    """The revision asked for has been compacted away; `compact_revision` is the oldest that still exists."""

    def __init__(self, compact_revision: int) -> None:
        super().__init__(f"required revision has been compacted (oldest is {compact_revision})")
        self.compact_revision = compact_revision


class FutureRevision(StoreError):
    """The revision asked for has not happened yet."""

    def __init__(self, current_revision: int) -> None:
        super().__init__(f"required revision is a future revision (current is {current_revision})")
        self.current_revision = current_revision


class StoreUnavailable(StoreError):
    """The write could not be made durable (disk full, quorum lost); whether it happened is said by a later read."""


class StoreFull(StoreUnavailable):
    """There is no room for the write, which was not made; what is there can be read, and deleted."""


class LeaseNotFound(StoreError):
    """No such lease, or it has expired."""


class Watch(Protocol):
    """A running watch: batches of events in revision order. Ends by `close`; a watcher too slow for its buffer gets `Compacted`."""

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]: ...

    def close(self) -> None:
        """End the watch."""
        ...


class Store(Protocol):
    """The durable key-value store."""

    @property
    def shared(self) -> bool:
        """Whether others may write to it too: then a watch hears of a write later than its answer is given to somebody else."""
        ...

    async def revision(self) -> int:
        """Return the newest revision (linearizable)."""
        ...

    async def range(
        self, key: bytes, end: bytes | None = None, *, limit: int = 0, revision: int = 0, count_only: bool = False
    ) -> RangeResult:
        """Read `key`, or every key in [key, end), as it stood at `revision` (0: now), at most `limit` keys (0: all).

        Raises `Compacted` or `FutureRevision` for a revision that is gone or not there yet.
        """
        ...

    async def same(self, key: bytes, end: bytes, before: int, after: int) -> bool:
        """Whether [key, end) holds at revision `after` just what it held at `before`. May read the whole range.

        Raises `Compacted` when `before` is gone."""
        ...

    async def txn(self, key: bytes, value: bytes | None, *, expected: int | None = None, lease: int = 0) -> TxnResult:
        """Write `value` (`None`: delete) if the key's mod revision equals `expected` (0: must be absent; `None`: whatever it is).

        Deleting an absent key changes nothing and answers `succeeded=False`. Returns once the write is durable.
        Raises `LeaseNotFound`, `StoreUnavailable`, `StoreFull`.
        """
        ...

    def watch(self, key: bytes, end: bytes | None = None, *, revision: int = 0) -> Watch:
        """Watch `key`, or [key, end), from `revision` on inclusive (0: from the next write).

        Raises `Compacted` from the iterator when that revision is gone.
        """
        ...

    async def compact(self, revision: int) -> None:
        """Forget what was overwritten or deleted before `revision`. Raises `Compacted`, `FutureRevision`."""
        ...

    async def grant(self, ttl: int) -> int:
        """Create a lease of `ttl` seconds and return its id; when it expires its keys are deleted."""
        ...

    async def keep_alive(self, lease: int) -> int:
        """Renew a lease and return its ttl in seconds. Raises `LeaseNotFound`."""
        ...

    async def revoke(self, lease: int) -> None:
        """End a lease and delete its keys. Raises `LeaseNotFound`."""
        ...

    async def size(self) -> int:
        """Return how many bytes the database takes on disk. Raises `StoreUnavailable`."""
        ...

    async def close(self) -> None:
        """Finish what was asked, end all watches and let go of every file."""
        ...


def prefix_end(prefix: bytes) -> bytes:
    """Return the first key after every key that starts with `prefix` (empty prefix: `b"\\0"`, all keys, as in etcd)."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\0"
