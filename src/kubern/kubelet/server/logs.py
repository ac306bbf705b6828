"""Container logs as CRI runtimes write them: `2026-01-01T00:00:00.000000000Z stdout F line`, one entry a line.

The tag `P` marks a part of a line, to be joined with what follows. Called by `api` for /containerLogs. The file may be rotated
(renamed, a new one in its place) while it is followed: what the old one still holds is read first.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from kubern.base.clock import Clock, parse_time

_BLOCK = 64 * 1024
_TIMESTAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_POLL = 0.1
"""Seconds between looks at a followed file; a line shows up that late at worst."""


class LogOptions(NamedTuple):
    """What of a log is wanted. `since` is a time; `stream` is All, Stdout or Stderr; None: no limit."""

    follow: bool = False
    tail: int | None = None
    limit: int | None = None
    since: datetime | None = None
    timestamps: bool = False
    stream: str = "All"


IsRunning = Callable[[], Awaitable[bool]]
ReadLog = Callable[[Path, LogOptions, Clock, IsRunning], AsyncIterator[bytes]]
"""What `read_log` does."""


class Entry(NamedTuple):
    """One entry of a log; `data` ends with a line break unless it is a part of a line."""

    timestamp: bytes
    stream: bytes
    data: bytes


def parse_entry(line: bytes) -> Entry | None:
    """Read one line of a log file; None for what is not an entry (a runtime that died in the middle of a write)."""
    parts = line.split(b" ", 3)
    if len(parts) < 4 or parts[1] not in (b"stdout", b"stderr"):
        return None
    data = parts[3]
    partial = parts[2].split(b":")[0] == b"P"
    if partial:
        data = data.removesuffix(b"\n")
    elif not data.endswith(b"\n"):
        data += b"\n"
    return Entry(parts[0], parts[1], data)


class LogFormatter:
    """Turns entries into what the client gets. Keeps what must be remembered between entries."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._stream = b"" if options.stream == "All" else options.stream.lower().encode()
        self._since = _nanosecond_text(options.since) if options.since else b""
        self._left = options.limit
        self._starts_line = True

    @property
    def full(self) -> bool:
        """Whether the limit has been reached."""
        return self._left is not None and self._left <= 0

    def format(self, line: bytes) -> bytes:
        """Return what one line of the file adds to the output."""
        entry = parse_entry(line)
        if entry is None or (self._stream and entry.stream != self._stream):
            return b""
        if self._since and _comparable(entry.timestamp) < self._since:
            return b""
        data = entry.data
        if self._options.timestamps and self._starts_line:
            data = nine_decimals(entry.timestamp) + b" " + data
        self._starts_line = data.endswith(b"\n")
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        return data


def _nanosecond_text(moment: datetime) -> bytes:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z").encode()


def nine_decimals(timestamp: bytes) -> bytes:
    """Return an RFC 3339 time with exactly nine decimals; runtimes leave out zeros at the end, and the API shows them."""
    if len(timestamp) == 30 and timestamp.endswith(b"Z"):
        return timestamp
    found = _TIMESTAMP.fullmatch(timestamp)
    if found is None:
        return timestamp
    return b"%b.%b%b" % (found[1], (found[2] or b"").ljust(9, b"0")[:9], found[3])


def _comparable(timestamp: bytes) -> bytes:
    """Return a time as text that sorts: in UTC, with nine decimals."""
    text = nine_decimals(timestamp)
    if text.endswith(b"Z"):
        return text
    try:
        # another zone: dockerd on some hosts; the last three decimals are lost on the way
        moment = parse_time(text[:26].decode("ascii") + text[29:].decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return timestamp
    return _nanosecond_text(moment)


def tail_offset(file: BinaryIO, lines: int) -> int:
    """Return where the last `lines` lines of a file start, reading it backwards in blocks."""
    end = file.seek(0, os.SEEK_END)
    if lines == 0:
        return end
    wanted, at = lines + 1, end  # the file ends with a line break of its own
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":
            wanted = lines
    while at > 0:
        start = max(0, at - _BLOCK)
        file.seek(start)
        block = file.read(at - start)
        count = block.count(b"\n")
        if count >= wanted:
            position = len(block)
            for _ in range(wanted):
                position = block.rindex(b"\n", 0, position)
            return start + position + 1
        wanted -= count
        at = start
    return 0


class _LogFile:
    """An open log and the line at its end that is not finished yet."""

    def __init__(self, path: Path, formatter: LogFormatter) -> None:
        self._path = path
        self._formatter = formatter
        self._rest = b""
        self.file: BinaryIO = path.open("rb")

    def drain(self) -> Iterator[bytes]:
        """Yield what can be read now."""
        while not self._formatter.full and (block := self.file.read(_BLOCK)):
            *lines, self._rest = (self._rest + block).split(b"\n")
            if output := b"".join([self._formatter.format(line + b"\n") for line in lines]):
                yield output

    def last(self) -> bytes:
        """Return the unfinished line, once nothing will finish it."""
        rest, self._rest = self._rest, b""
        return self._formatter.format(rest) if rest and not self._formatter.full else b""

    def successor(self) -> BinaryIO | None:
        """Return the file that has taken this one's place, None while it has not been rotated."""
        try:
            now, then = self._path.stat(), os.fstat(self.file.fileno())
            if (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino):
                return self._path.open("rb")
        except FileNotFoundError:
            return None  # between the rename and the new file
        if now.st_size < self.file.tell():
            self.file.seek(0)  # truncated in place
        return None


async def read_log(path: Path, options: LogOptions, clock: Clock, is_running: IsRunning) -> AsyncIterator[bytes]:
    """Yield a log's output in pieces, first an empty one when the file has been opened. Following ends when the container has
    ended and everything was read. Raises `FileNotFoundError` when there is no log."""
    formatter = LogFormatter(options)
    log = _LogFile(path, formatter)
    try:
        if options.tail is not None:
            log.file.seek(tail_offset(log.file, options.tail))
        yield b""
        while not formatter.full:
            running = options.follow and await is_running()
            # What was written before the container was seen ended is read after, so nothing is missed.
            for output in log.drain():
                yield output
            successor = log.successor() if options.follow else None
            if successor is not None:
                for output in log.drain():
                    yield output
                yield log.last()
                log.file.close()
                log.file = successor
            elif not running:
                yield log.last()
                return
            else:
                await clock.sleep(_POLL)
    finally:
        log.file.close()
