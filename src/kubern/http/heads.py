"""Response heads, encoded once and remembered, and the Status bodies of answers that the connection layer makes itself."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from email.utils import format_datetime
from http import HTTPStatus

import orjson

from kubern.base.clock import Clock
from kubern.base.errors import StatusError
from kubern.http.contract import Headers, Response

_REMEMBERED = 512
GZIP_FROM = 128 * 1024
"""Bodies from this size on are compressed, as upstream."""
_JSON = (("Content-Type", "application/json"),)
_REASONS = {
    400: "BadRequest", 405: "MethodNotAllowed", 413: "RequestEntityTooLarge", 500: "InternalError", 503: "ServiceUnavailable",
}  # fmt: skip


class Heads:
    """Makes response heads. One per server; `seconds` is a cheap monotonic time that says when the Date is stale."""

    def __init__(self, clock: Clock, seconds: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._cache: dict[tuple[int, Headers], bytes] = {}
        self._date = b""
        self._date_until = -1.0

    def head(self, status: int, headers: Headers) -> bytes:
        """Return the status line, the headers and Date, without the framing headers and the empty line.

        Raises `ValueError` for a header that would break out of its line.
        """
        if type(headers) is tuple:
            known = self._cache.get((status, headers))
            if known is None:
                known = _encode(status, headers)
                if len(self._cache) >= _REMEMBERED:
                    self._cache.clear()
                self._cache[status, headers] = known
        else:
            known = _encode(status, headers)
        now = self._seconds()
        if now >= self._date_until:
            self._date_until = now + 1.0
            self._date = b"Date: %b\r\n" % format_datetime(self._clock.now(), usegmt=True).encode()
        return known + self._date


def _encode(status: int, headers: Headers) -> bytes:
    lines = [status_line(status)]
    for name, value in headers:
        if "\n" in value or "\r" in value or "\n" in name or "\r" in name or "\0" in value:
            raise ValueError(f"line break in the response header {name!r}")
        lines.append(f"{name}: {value}\r\n".encode("latin-1"))
    return b"".join(lines)


def status_line(status: int) -> bytes:
    """Return the HTTP/1.1 status line, line break included."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return b"HTTP/1.1 %d %b\r\n" % (status, phrase.encode())


def error_response(error: StatusError) -> Response:
    """Return the answer that carries an error's Status."""
    headers: Headers = _JSON
    if error.retry_after:
        headers = (*_JSON, ("Retry-After", str(error.retry_after)))
    return Response(error.code, headers, orjson.dumps(error.status()))


def refusal(status: int, message: str) -> Response:
    """Return a Status answer for something that the connection layer refuses."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    if status in _REASONS:
        body["reason"] = _REASONS[status]
    return Response(status, _JSON, orjson.dumps(body | {"code": status}))


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether an Accept-Encoding header allows gzip."""
    for item in accept_encoding.split(","):
        coding, _, parameters = item.partition(";")
        if coding.strip().lower() == "gzip":
            return parameters.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def compressed(response: Response) -> Response:
    """Return the response with its body in gzip (level 1, as upstream). CPU: about 10 ms a MB, so big ones belong in a thread."""
    headers = (*response.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return Response(response.status, headers, gzip.compress(bytes(response.body), compresslevel=1, mtime=0))
