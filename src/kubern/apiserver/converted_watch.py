"""Watching custom objects in a version that a webhook converts to: each event waits for its conversion, all in order.

Used by the verb watch: the stream runs in the stored version, and what it writes goes through `Converting`. What always holds: a watcher
that lags behind by more than `MOST_WAITING` events is cut off, like every slow watcher.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import orjson

from kubern.apiserver.conversion_webhook import converted
from kubern.apiserver.encoding import Layout
from kubern.apiserver.forms import INITIAL_END, Form
from kubern.apiserver.watching import event_line
from kubern.base.errors import StatusError
from kubern.http.contract import StreamWriter

MOST_WAITING = 10_000
_log = logging.getLogger(__name__)


class Converting:
    """A StreamWriter that turns each event's object into `form` before it goes on to `writer`."""

    def __init__(self, writer: StreamWriter, form: Form, layout: Layout) -> None:
        self._writer, self._form, self._layout = writer, form, layout
        self._waiting: deque[bytes] = deque()
        self._ended = False
        self._task: asyncio.Task[None] | None = None

    def write(self, data: bytes) -> None:
        """Take whole lines."""
        self._waiting.extend(data.splitlines())
        if len(self._waiting) > MOST_WAITING:
            self._waiting.clear()
            self.close()
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="converted watch")

    def write_framed(self, chunk: bytes) -> None:
        """Take a chunk as HTTP frames it: its length in hexadecimal, CRLF, the data, CRLF."""
        self.write(chunk[chunk.index(b"\r\n") + 2 : -2])

    def close(self) -> None:
        """End the answer once what waits has been sent."""
        self._ended = True
        if self._task is None:
            self._writer.close()

    def stop(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent."""
        return self._writer.buffered

    @property
    def closed(self) -> bool:
        """Whether the answer has ended."""
        return self._ended or self._writer.closed

    async def drain(self) -> None:
        """Wait until the peer has taken enough."""
        await self._writer.drain()

    async def _run(self) -> None:
        try:
            while self._waiting:
                self._writer.write(await self._line(self._waiting.popleft()))
        except StatusError as error:
            self._writer.write(event_line("ERROR", orjson.dumps(error.status())))
            self._ended = True
            self._waiting.clear()
        finally:
            self._task = None
        if self._ended:
            self._writer.close()

    async def _line(self, line: bytes) -> bytes:
        event = orjson.loads(line)
        kind, obj = event["type"], event["object"]
        if kind == "ERROR":
            return line + b"\n"
        revision = int(obj["metadata"]["resourceVersion"])
        if kind == "BOOKMARK":
            initial_end = INITIAL_END in (obj["metadata"].get("annotations") or {})
            return event_line(kind, self._form.bookmark(revision, initial_end))
        entry = self._layout.shown(obj, revision)
        return await converted(lambda: event_line(kind, self._form.encode(entry)))
