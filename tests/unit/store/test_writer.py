"""The writer thread: what is queued behind a row is not lost."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

from kubern.base.clock import FakeClock
from kubern.store import database
from kubern.store.embedded import EmbeddedStore
from kubern.store.writer import Row, Writer


async def test_an_end_asked_for_behind_rows_comes_after_them(tmp_path: Path, clock: FakeClock) -> None:
    store = await EmbeddedStore.open(tmp_path, clock=clock)
    await store.close()  # leaves the file with its tables
    began, held, seen = threading.Event(), threading.Event(), list[int]()

    def committed(number: int) -> None:
        began.set()
        held.wait(10)
        seen.append(number)

    writer = Writer(tmp_path / "store.db", committed, lambda error: None)
    writer.put(Row(1, (1001, b"/a", b"x", 1001, 1, 0)))
    assert began.wait(10)
    # the writer is held at the first row: the second and the end are sure to be taken together
    writer.put(Row(2, (1002, b"/b", b"x", 1002, 1, 0)))
    stopping = threading.Thread(target=writer.stop, daemon=True)
    stopping.start()
    deadline = time.monotonic() + 10
    while writer._queue.qsize() < 2:
        assert time.monotonic() < deadline
    held.set()
    stopping.join(10)
    assert not stopping.is_alive()
    assert seen[-1] == 2


def test_after_a_failure_nothing_is_written_until_the_reset_and_everything_after_it(tmp_path: Path) -> None:
    file = database.prepare(tmp_path)
    committed: queue.Queue[int] = queue.Queue()
    failed, go_on = threading.Event(), threading.Event()

    def fail(error: Exception) -> None:
        failed.set()
        go_on.wait(10)

    writer = Writer(file, committed.put, fail)
    try:
        writer.put(Row(1, (2, b"/a", b"x", 2, 1, 0)))
        assert committed.get(timeout=10) == 1
        writer.put(
            Row(2, (2, b"/a", b"x", 2, 1, 0))
        )  # a revision that is taken: refused by the file as a full disk would
        assert failed.wait(10)
        # all of these wait in the queue when the writer comes back to it
        writer.put(Row(3, (3, b"/b", b"x", 3, 1, 0)))
        writer.reset()
        writer.put(Row(4, (3, b"/c", b"x", 3, 1, 0)))
        go_on.set()
        assert committed.get(timeout=10) == 4
    finally:
        go_on.set()
        writer.stop()
    connection = database.connect(file)
    assert [(entry.revision, entry.key) for entry in database.entries(connection)] == [(2, b"/a"), (3, b"/c")]
    connection.close()
