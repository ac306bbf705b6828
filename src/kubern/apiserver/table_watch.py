"""Watching as a Table: the columns come with the first event, and with no other.

Used by the verb watch. The tables that watchers of a kind share have no columns; what always holds: the first table that a watcher gets
has them, whether it is an object or a bookmark.
"""

from __future__ import annotations

from kubern.apiserver.forms import TableForm
from kubern.http.contract import Stream, StreamWriter

_NONE = b'"columnDefinitions":null'


class Headed:
    """A StreamWriter that puts the columns into the first table on its way to `writer`."""

    def __init__(self, writer: StreamWriter, columns: bytes) -> None:
        self._writer, self._columns = writer, columns

    def write(self, data: bytes) -> None:
        """Take whole lines."""
        if self._columns and _NONE in data:
            # a table's own member: what comes before it is of fixed names, and no object's
            data = data.replace(_NONE, b'"columnDefinitions":' + self._columns, 1)
            self._columns = b""
        self._writer.write(data)

    def write_framed(self, chunk: bytes) -> None:
        """Take a chunk as HTTP frames it: its length in hexadecimal, CRLF, the data, CRLF."""
        if self._columns:
            self.write(chunk[chunk.index(b"\r\n") + 2 : -2])
        else:
            self._writer.write_framed(chunk)

    def close(self) -> None:
        """End the answer."""
        self._writer.close()

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent."""
        return self._writer.buffered

    @property
    def closed(self) -> bool:
        """Whether the answer has ended."""
        return self._writer.closed

    async def drain(self) -> None:
        """Wait until the peer has taken enough."""
        await self._writer.drain()


def headed(stream: Stream, form: TableForm) -> Stream:
    """Return a watch's stream, written in `form.rows_only()`, with the columns in its first table."""
    return stream._replace(start=lambda writer: stream.start(Headed(writer, form.columns)))
