"""What annotations script of a virtual pod's ports: what a connection to one is answered. Pure.

Called by `forwarding.py` whenever more of a connection was heard. A value that cannot be read counts as absent; a port without a script
refuses connections.
"""

from __future__ import annotations

import base64
import binascii
import http
from typing import Any, NamedTuple

from kubern.base.json import Obj
from kubern.simulation.answers import mapping
from kubern.simulation.script import PREFIX

PORTS = PREFIX + "ports"
"""Of a pod, YAML: ports and what they answer: text that each connection gets at once, `base64` (bytes, the same way), or `http` (the body
that each request gets) with `status` and `content-type`."""
MOST = 65536
"""Bytes of a request that are kept at most."""
_HEAD_END = b"\r\n\r\n"


class Greeting(NamedTuple):
    """A port that says something at once, and hangs up."""

    data: bytes


class Page(NamedTuple):
    """A port that answers one HTTP request a connection."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"


Port = Greeting | Page


def port_of(annotations: Obj, port: int) -> Port | None:
    """Return what a port answers; None when nothing listens there."""
    value = mapping(annotations.get(PORTS)).get(str(port))
    if value is None:
        return None
    if not isinstance(value, dict):
        return Greeting(str(value).encode())
    if "http" in value:
        return _page(value)
    try:
        return Greeting(base64.b64decode(value["base64"], validate=True))
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None


def _page(value: dict[str, Any]) -> Page:
    body = "" if value["http"] is None else str(value["http"])
    status, kind = value.get("status", 200), str(value.get("content-type", ""))
    known = isinstance(status, int) and 200 <= status < 600
    plain = kind.isascii() and kind.isprintable() and kind
    return Page(body.encode(), status if known else 200, kind if plain else Page._field_defaults["content_type"])


def reply(port: Port, heard: bytes, ended: bool) -> bytes | None:
    """Return all that a connection is answered, after which it is over; None until enough was heard (`ended`: no more will be)."""
    if isinstance(port, Greeting):
        return port.data
    head, found, body = heard.partition(_HEAD_END)
    if not found:
        if len(heard) >= MOST:
            return _response(Page(b"", 431), b"GET")
        return b"" if ended else None
    method, *_ = head.split(b" ", 1)
    if len(body) < _length(head) and len(heard) < MOST and not ended:
        return None
    return _response(port, method)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit() and len(value) < 20:
            return int(value)
    return 0


def _response(page: Page, method: bytes) -> bytes:
    known = {each.value: each.phrase for each in http.HTTPStatus}
    head = (
        f"HTTP/1.1 {page.status} {known.get(page.status, 'Unknown')}\r\nContent-Type: {page.content_type}\r\n"
        f"Content-Length: {len(page.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == b"HEAD" else page.body)
