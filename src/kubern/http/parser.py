"""Bytes to requests. Called by `connection.Connection`; does no I/O.

`httptools` (llhttp in its strict mode) refuses most of what is ambiguous: both Content-Length and Transfer-Encoding, doubled
lengths, folded headers, control characters, bare line feeds, malformed chunks. This module refuses what is left (a transfer
coding other than `chunked`, a missing or doubled Host, paths that do not decode) and keeps the limits.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import httptools

from kubern.http.contract import Peer, Request
from kubern.http.limits import Limits

UPGRADES = frozenset(("websocket", "spdy/3.1"))
"""The protocols that a connection may change to. A request for any other is served as if it had not asked (RFC 9110 7.8)."""

_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_FRAMING_SLACK = 16
"""Chunk framing may cost this many times the body limit before the body is refused: one-byte chunks cost six."""


class BadMessage(Exception):
    """A request that cannot be served; the connection is closed after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Parsed(NamedTuple):
    """A whole request and what the connection must know of it. `upgrade` is empty or one of `UPGRADES`."""

    request: Request
    keep_alive: bool
    http10: bool
    upgrade: str


class RequestParser:
    """One connection's parser. After `feed`, take what is in `complete`, also when it raised `BadMessage`."""

    def __init__(self, limits: Limits, peer: Peer) -> None:
        self._limits = limits
        self._peer = peer
        self._parser = httptools.HttpRequestParser(self)
        self.complete: list[Parsed] = []
        self.leftover: bytearray | None = None
        """Bytes that followed a request for an upgrade; None until there was one."""
        self.in_head = False
        self.in_body = False
        self.wants_continue = False
        self._held = bytearray()
        self._tail = b""
        self._start()

    def _start(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._hosts = 0
        self._body: list[bytes] = []
        self._body_size = 0
        self._raw_body = 0

    def feed(self, data: bytes) -> None:
        """Read more bytes. Raises `BadMessage`."""
        if self.leftover is not None:
            self.leftover += data
            return
        if self.in_head:
            # A head that comes in crumbs is gathered first: joining it crumb by crumb would cost the square of its size.
            self._held += data
            if len(self._held) > self._limits.head:
                raise BadMessage(431, "request header fields too large")
            if b"\r\n\r\n" not in self._tail + data:
                self._tail = (self._tail + data)[-3:]
                return
            data = bytes(self._held)
            self._held.clear()
        elif self.in_body:
            self._raw_body += len(data)
            if self._raw_body > _FRAMING_SLACK * (self._limits.body + 4096):
                raise self._too_large()
        self._execute(data)

    def _execute(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            raise cause if isinstance(cause, BadMessage) else BadMessage(400, "malformed HTTP request") from error
        except httptools.HttpParserError as error:
            raise BadMessage(400, f"malformed HTTP request: {error}") from error
        if self.in_head:
            self._tail = data[-3:]

    def _upgraded(self, rest: bytes) -> None:
        if self.complete and self.complete[-1].upgrade:
            self.leftover = bytearray(rest)
            return
        # The parser gave up on the body of a request whose upgrade we do not do: read it again without the request to upgrade.
        method, url = self._parser.get_method(), self._url
        lines = [b"%b %b HTTP/1.1" % (method, url)]
        lines += [
            f"{name}: {value}".encode("latin-1")
            for name, value in self._headers.items()
            if name not in ("upgrade", "connection")
        ]
        self._parser = httptools.HttpRequestParser(self)
        self._start()
        self.in_head = self.in_body = False
        self._execute(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def on_message_begin(self) -> None:
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        size = len(name) + len(value) + 4
        self._head_size += size
        if self._head_size > self._limits.head:
            raise BadMessage(431, "request header fields too large")
        if self.in_body:
            return  # trailers are dropped
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        if key == "host":
            self._hosts += 1
        if key in self._headers:
            text = f"{self._headers[key]}{'; ' if key == 'cookie' else ', '}{text}"
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        self.in_head = False
        self.in_body = True
        headers = self._headers
        coding = headers.get("transfer-encoding")
        if coding is not None and (coding.lower() != "chunked" or self._parser.get_http_version() != "1.1"):
            raise BadMessage(501, f"unsupported transfer encoding: {coding}")
        if int(headers.get("content-length", "0") or "0") > self._limits.body:
            raise self._too_large()
        if "expect" in headers:
            if headers["expect"].lower() != "100-continue":
                raise BadMessage(417, f"unsupported expectation: {headers['expect']}")
            self.wants_continue = self._parser.get_http_version() == "1.1"

    def on_body(self, data: bytes) -> None:
        self.wants_continue = False
        self._body_size += len(data)
        if self._body_size > self._limits.body:
            raise self._too_large()
        self._body.append(data)

    def on_message_complete(self) -> None:
        parser, headers = self._parser, self._headers
        self.in_body = self.wants_continue = False
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise BadMessage(505, f"unsupported protocol version: HTTP/{version}")
        if self._hosts > 1 or (not self._hosts and version == "1.1"):
            raise BadMessage(400, "too many Host headers" if self._hosts else "missing required Host header")
        upgrade = ""
        if parser.should_upgrade():
            if parser.get_method() == b"CONNECT":
                raise BadMessage(405, "CONNECT is not supported")
            upgrade = headers.get("upgrade", "").lower()
            has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
            if upgrade not in UPGRADES or has_body:
                return
        raw_path, path, query = split_target(self._url.decode("latin-1"))
        body = self._body
        whole = body[0] if len(body) == 1 else b"".join(body)
        request = Request(parser.get_method().decode(), path, query, headers, whole, self._peer, raw_path)
        self.complete.append(Parsed(request, parser.should_keep_alive(), version == "1.0", upgrade))
        self._start()

    def _too_large(self) -> BadMessage:
        return BadMessage(413, f"Request entity too large: limit is {self._limits.body}")


def split_target(target: str) -> tuple[str, str, str]:
    """Return the path as sent, the path decoded and the raw query of a request target. Raises `BadMessage` (400)."""
    if not target.startswith("/"):
        if target == "*":
            return "*", "*", ""
        scheme, separator, rest = target.partition("://")
        if not separator or scheme.lower() not in ("http", "https"):
            raise BadMessage(400, "malformed request target")
        _, slash, rest = rest.partition("/")
        target = slash + rest if slash else "/"
    raw, _, query = target.partition("?")
    if "%" not in raw:
        return raw, raw, query
    if _BAD_ESCAPE.search(raw):
        raise BadMessage(400, f"invalid URL escape in {raw!r}")
    try:
        return raw, unquote_to_bytes(raw).decode(), query
    except UnicodeDecodeError:
        raise BadMessage(400, "the path is not UTF-8") from None
