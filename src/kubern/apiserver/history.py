"""A watch from a revision that the watch cache does not reach back to: served from the store's own history.

Used by the verb watch, after a restart above all, when clients come back with revisions from before it. What always holds: such a
watcher gets every event after its revision once and in order; 410 only when the store has forgotten, as after a compaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kubern.apiserver.cache import Change
from kubern.apiserver.encoding import Entry
from kubern.apiserver.storage import Storage
from kubern.apiserver.watching import Group
from kubern.base.errors import Expired, StatusError
from kubern.http.contract import StreamWriter, frame_chunk
from kubern.store.contract import Compacted, Event, Store, StoreError, Watch, prefix_end


class HistoryWatch:
    """One watch of one resource (in a namespace), from after `revision` on, to its end."""

    def __init__(self, store: Store, storage: Storage, namespace: str, group: Group) -> None:
        self._store, self._storage, self._group = store, storage, group
        self._below = len(storage.store_key(""))
        self._span = storage.store_key(f"{namespace}/" if namespace else "")
        self._task: asyncio.Task[None] | None = None

    def start(self, revision: int, writer: StreamWriter, failed: Callable[[StatusError], None]) -> None:
        """Send events until stopped; `failed` is told why it cannot go on, and has to end the answer."""
        self._task = asyncio.get_running_loop().create_task(
            self._run(revision, writer, failed), name="watch of the past"
        )

    def stop(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, revision: int, writer: StreamWriter, failed: Callable[[StatusError], None]) -> None:
        watch: Watch = self._store.watch(self._span, prefix_end(self._span), revision=revision + 1)
        try:
            async for batch in watch:
                changes = [change for event in batch if (change := self._change(event)) is not None]
                lines = self._group.lines(changes, self._storage.broadcaster.events, 1)
                if lines:
                    writer.write_framed(frame_chunk(lines))
            writer.close()
        except Compacted as error:
            failed(Expired(f"too old resource version: {revision} ({error.compact_revision})"))
        except StoreError as error:
            failed(Expired(f"too old resource version: {revision}: {error}"))
        except StatusError as error:
            failed(error)
        finally:
            watch.close()

    def _change(self, event: Event) -> Change | None:
        layout = self._storage.cache.layout
        key = event.current.key[self._below :].decode()
        previous = self._readable(layout.entry_of(key, event.previous)) if event.previous else None
        if event.deleted:
            gone = previous.at(event.current.mod_revision) if previous else None
            return Change(True, gone, previous) if gone else None
        entry = self._readable(layout.entry_of(key, event.current))
        return Change(False, entry, previous) if entry else None

    @staticmethod
    def _readable(entry: Entry) -> Entry | None:
        return entry if entry.readable else None
