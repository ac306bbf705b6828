"""The writer thread: what is queued behind a row is not lost."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from kubern.base.clock import FakeClock
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
