"""The one thread that writes the embedded store, with group commit.

Called by `embedded`. The event loop hands over rows and statements in order; the thread takes all that wait and makes
them one commit, synced before it is reported. A batch of rows is a single INSERT in autocommit mode: begin, insert, commit
and sync happen in one call that lets go of the interpreter once, so a busy event loop delays a commit once and not once a row.

After a failed commit nothing is written until the loop has put a `reset` into the queue: whatever was queued meanwhile was
decided upon a write that never happened. Checkpoints (copying the log back into the database) run on a thread of their
own and so cost a write nothing; only what was written during one is copied between two commits, so that the log starts anew.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from kubern.store.database import PAGE, connect, padded

log = logging.getLogger(__name__)

MAX_ROWS = 256
MAX_BYTES = 8 << 20
CHECKPOINT_BYTES = 8 << 20


class Row(NamedTuple):
    """One row for the table `kv`; `number` counts what was handed to the writer."""

    number: int
    columns: tuple[int, bytes, bytes | None, int, int, int]


class Statement(NamedTuple):
    """Other SQL that is a commit of its own: (text, parameters) each."""

    number: int
    parts: Sequence[tuple[str, Sequence[Any]]]


class _Reset(NamedTuple):
    """The loop knows of the failure: what follows was decided after it."""


class _Stop(NamedTuple):
    """The last item."""


_Item = Row | Statement | _Reset | _Stop


class Writer:
    """`committed(number)` and `failed(error)` are called on the writer's thread, in order."""

    def __init__(
        self, file: Path, committed: Callable[[int], object], failed: Callable[[sqlite3.Error], object]
    ) -> None:
        self._file = file
        self._committed = committed
        self._failed = failed
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._kept: _Item | None = None
        self._connection = connect(file)
        self._checkpointer = _Checkpointer(file)
        self._thread = threading.Thread(target=self._run, name="kubern-store-writer", daemon=True)
        self._thread.start()

    def put(self, item: Row | Statement) -> None:
        """Queue one write; never waits."""
        self._queue.put(item)

    def reset(self) -> None:
        """Say that the failure has been dealt with; what is put after this is written again."""
        self._queue.put(_Reset())

    def stop(self) -> None:
        """Write what is queued, then end both threads and close their connections. Blocks."""
        self._queue.put(_Stop())
        self._thread.join()
        self._checkpointer.stop()
        self._connection.close()

    def _run(self) -> None:
        broken = False
        while True:
            batch = self._take()
            first = batch[0]
            if isinstance(first, _Stop):
                return
            if isinstance(first, _Reset):
                broken = False
            elif not broken:
                broken = not self._commit(batch)
                self._tidy()

    def _take(self) -> list[_Item]:
        """Return the next item, with all rows that wait behind it when it is a row."""
        # not `or`: a stop or a reset that was kept has no fields, and so counts as false
        item, self._kept = self._queue.get() if self._kept is None else self._kept, None
        batch = [item]
        size = 0
        while isinstance(item, Row) and len(batch) < MAX_ROWS and size < MAX_BYTES:
            size += len(item.columns[2] or b"")
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if not isinstance(item, Row):
                self._kept = item
                break
            batch.append(item)
        return batch

    def _commit(self, batch: list[_Item]) -> bool:
        last = batch[-1]
        assert isinstance(last, Row | Statement)
        try:
            if isinstance(last, Statement):
                self._execute(last)
            else:
                self._insert([item.columns for item in batch if isinstance(item, Row)])
        except sqlite3.Error as error:
            self._roll_back()
            log.error("a commit of the store failed", extra={"writes": len(batch), "error": str(error)})
            self._failed(error)
            return False
        self._committed(last.number)
        return True

    def _insert(self, rows: list[tuple[int, bytes, bytes | None, int, int, int]]) -> None:
        room = padded(len(rows))
        marks = ",".join(["(?,?,?,?,?,?)"] * room)
        values: list[Any] = [value for row in rows for value in row]
        values += [None] * (6 * (room - len(rows)))
        self._connection.execute(f"insert into kv select * from (values {marks}) where column1 is not null", values)
        size = sum(len(row[1]) + len(row[2] or b"") for row in rows)
        self._checkpointer.wrote(PAGE * (1 + size // PAGE))

    def _execute(self, statement: Statement) -> None:
        self._connection.execute("begin immediate")
        for text, parameters in statement.parts:
            self._connection.execute(text, parameters)
        self._connection.execute("commit")
        self._checkpointer.wrote(4 * PAGE)

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
        except sqlite3.Error:
            # a connection that cannot even roll back is given up; the log on disk ends at the last commit
            self._connection.close()
            self._connection = connect(self._file)

    def _tidy(self) -> None:
        if self._checkpointer.nearly_done():
            checkpoint(self._connection)


class _Checkpointer:
    """Copies the log back into the database on its own thread whenever enough has been written."""

    def __init__(self, file: Path) -> None:
        self._connection = connect(file)
        self._bytes = 0
        self._wake = threading.Event()
        self._finished = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="kubern-store-checkpoint", daemon=True)
        self._thread.start()

    def wrote(self, size: int) -> None:
        """Count what a commit added to the log, in bytes (an estimate: whole pages)."""
        self._bytes += size
        if self._bytes >= CHECKPOINT_BYTES:
            self._bytes = 0
            self._wake.set()

    def nearly_done(self) -> bool:
        """Return, once after each checkpoint, that only what was written during it is left to copy."""
        if not self._finished.is_set():
            return False
        self._finished.clear()
        return True

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if self._stopping:
                return
            self._wake.clear()
            if checkpoint(self._connection):
                self._finished.set()


def checkpoint(connection: sqlite3.Connection) -> bool:
    """Copy what can be copied without making anybody wait. A failure (full disk) loses nothing: the log still has it all."""
    try:
        connection.execute("pragma wal_checkpoint(passive)").fetchall()
    except sqlite3.Error as error:
        log.warning("a checkpoint of the store failed and will be tried again", extra={"error": str(error)})
        return False
    return True
