"""What one client may take of the server. The defaults are upstream's where it has the limit."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """Sizes in bytes, times in seconds."""

    head: int = 1 << 20
    """Request line and headers together; more is answered 431."""
    body: int = 3 * 1024 * 1024
    """A request's body, counted while it is read; more is answered 413."""
    send_buffer: int = 16 << 20
    """A streamed answer is cut when it is written to while more than this still waits to be sent."""
    send_buffers: int = 256 << 20
    """What may wait in all streamed answers together; when it is more, those with the most are cut until half of it is left."""
    head_timeout: float = 32.0
    """From the first byte of a request to the end of its head."""
    body_timeout: float = 60.0
    """From the end of a request's head to the end of its body."""
    idle_timeout: float = 90.0
    """Between requests, and for a peer that takes nothing of a finished answer."""
    handshake_timeout: float = 10.0
    connections: int = 20_000
    """Open connections; further ones are dropped as they arrive."""
    pipelined: int = 64
    """Requests read ahead on a connection before reading pauses."""
