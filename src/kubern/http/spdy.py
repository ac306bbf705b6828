"""SPDY/3.1 framing, without I/O: what kubectl's older protocol and container runtimes speak for exec, attach and port-forward.

Both sides of a session: `Session.receive` turns bytes into events, the other methods return bytes to send. Flow-control windows
are not kept: the programs that speak this never wait for them; the frames are understood and ignored. Source: the SPDY protocol,
draft 3.1, 2.2 to 2.6.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length content-location "
    "content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match "
    "if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range "
    "referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get "
    "status"
)
_NAMES = _WORDS.split()
_NAMES += ["200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"]
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public"
    "privatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(name)) + name.encode() for name in _NAMES) + _TEXT.encode()
"""The zlib dictionary of header blocks (2.6.10.1)."""

SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
FIN, UNIDIRECTIONAL = 1, 2
CANCEL = 5
"""A RST_STREAM status: the sender no longer wants the stream."""

_HEADER_LIMIT = 1 << 20
_DATA_LIMIT = 0xFFFFFF


class SpdyError(ConnectionError):
    """The peer broke the protocol; the session cannot go on."""


class Opened(NamedTuple):
    """The peer opened a stream (`fin`: it will send no data on it)."""

    stream: int
    headers: dict[str, str]
    fin: bool


class Replied(NamedTuple):
    """The peer accepted a stream of ours."""

    stream: int
    headers: dict[str, str]
    fin: bool


class Data(NamedTuple):
    """Bytes on a stream (`fin`: the last of them)."""

    stream: int
    data: bytes
    fin: bool


class Reset(NamedTuple):
    """The peer broke a stream off."""

    stream: int
    status: int


class Pinged(NamedTuple):
    """A ping; one with the peer's parity is to be sent back."""

    id: int


class GoneAway(NamedTuple):
    """The peer takes no more streams."""

    last_stream: int
    status: int


Event = Opened | Replied | Data | Reset | Pinged | GoneAway


class Session:
    """One side of one connection. A client's streams and pings have odd numbers, a server's even ones."""

    def __init__(self, client: bool) -> None:
        self._next = 1 if client else 2
        self._buffer = bytearray()
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    # --- sending

    def open(self, headers: Mapping[str, str], fin: bool = False) -> tuple[int, bytes]:
        """Open a stream; returns its number and the frame."""
        stream, self._next = self._next, self._next + 2
        body = struct.pack(">IIH", stream, 0, 0) + self._block(headers)
        return stream, _control(SYN_STREAM, FIN if fin else 0, body)

    def reply(self, stream: int, headers: Mapping[str, str], fin: bool = False) -> bytes:
        """Accept a stream of the peer's."""
        return _control(SYN_REPLY, FIN if fin else 0, struct.pack(">I", stream) + self._block(headers))

    def data(self, stream: int, data: bytes, fin: bool = False) -> bytes:
        """Send bytes on a stream, in as many frames as they need."""
        frames = []
        while len(data) > _DATA_LIMIT:
            frames.append(struct.pack(">II", stream, _DATA_LIMIT) + data[:_DATA_LIMIT])
            data = data[_DATA_LIMIT:]
        frames.append(struct.pack(">II", stream, (FIN if fin else 0) << 24 | len(data)) + data)
        return b"".join(frames)

    def reset(self, stream: int, status: int = CANCEL) -> bytes:
        """Break a stream off."""
        return _control(RST_STREAM, 0, struct.pack(">II", stream, status))

    def ping(self, id: int) -> bytes:
        """Send a ping, or send one back."""
        return _control(PING, 0, struct.pack(">I", id))

    def go_away(self, last_stream: int, status: int = 0) -> bytes:
        """Announce that no further streams are taken."""
        return _control(GOAWAY, 0, struct.pack(">II", last_stream, status))

    def window_update(self, stream: int, delta: int) -> bytes:
        """Allow the peer to send `delta` more bytes on a stream (0: on the session)."""
        return _control(WINDOW_UPDATE, 0, struct.pack(">II", stream, delta))

    def settings(self, values: Mapping[int, int]) -> bytes:
        """Send settings by their number."""
        entries = b"".join(struct.pack(">II", id & 0xFFFFFF, value) for id, value in values.items())
        return _control(SETTINGS, 0, struct.pack(">I", len(values)) + entries)

    def _block(self, headers: Mapping[str, str]) -> bytes:
        parts = [struct.pack(">I", len(headers))]
        for name, value in headers.items():
            for text in (name.lower().encode("latin-1"), value.encode("latin-1")):
                parts += (struct.pack(">I", len(text)), text)
        return self._deflate.compress(b"".join(parts)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    # --- receiving

    def receive(self, data: bytes) -> list[Event]:
        """Read bytes; returns the events that they complete. Raises `SpdyError`."""
        self._buffer += data
        buffer, at, events = self._buffer, 0, []
        while len(buffer) - at >= 8:
            first, second = struct.unpack_from(">II", buffer, at)
            end = at + 8 + (second & 0xFFFFFF)
            if len(buffer) < end:
                break
            body = bytes(buffer[at + 8 : end])
            at = end
            event = (
                self._control_event(first, second >> 24, body) if first >> 31 else self._data_event(first, second, body)
            )
            if event is not None:
                events.append(event)
        del buffer[:at]
        return events

    @staticmethod
    def _data_event(stream: int, second: int, body: bytes) -> Event:
        return Data(stream, body, bool(second >> 24 & FIN))

    def _control_event(self, first: int, flags: int, body: bytes) -> Event | None:
        version, kind = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != 3:
            raise SpdyError(f"SPDY version {version} is not supported")
        try:
            if kind == SYN_STREAM:
                return Opened(_number(body, 0) & 0x7FFFFFFF, self._headers(body[10:]), bool(flags & FIN))
            if kind == SYN_REPLY:
                return Replied(_number(body, 0) & 0x7FFFFFFF, self._headers(body[4:]), bool(flags & FIN))
            if kind == HEADERS:
                self._headers(body[4:])  # ignored, but the decompressor must see every block
                return None
            if kind == RST_STREAM:
                return Reset(_number(body, 0) & 0x7FFFFFFF, _number(body, 4))
            if kind == PING:
                return Pinged(_number(body, 0))
            if kind == GOAWAY:
                return GoneAway(_number(body, 0) & 0x7FFFFFFF, _number(body, 4))
        except struct.error as error:
            raise SpdyError(f"a frame of type {kind} is too short") from error
        return None  # settings, windows and what later versions add

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, _HEADER_LIMIT)
        except zlib.error as error:
            raise SpdyError("a header block cannot be decompressed") from error
        if self._inflate.unconsumed_tail:
            raise SpdyError("a header block is too large")
        count, at, headers = _number(plain, 0), 4, {}
        for _ in range(min(count, len(plain))):
            pair = []
            for _ in range(2):
                end = at + 4 + _number(plain, at)
                if end > len(plain):
                    raise SpdyError("a header block is cut short")
                pair.append(plain[at + 4 : end].decode("latin-1"))
                at = end
            headers[pair[0]] = pair[1]
        return headers


def _number(data: bytes, at: int) -> int:
    value: int = struct.unpack_from(">I", data, at)[0]
    return value


def _control(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack(">HHI", 0x8003, kind, flags << 24 | len(body)) + body
