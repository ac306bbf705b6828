"""Connections that a request has turned into: exec, attach, port-forward and what is proxied with an upgrade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubern.http.contract import Tunnel, Upgrade


def told(answer: Tunnel | Upgrade, begin: Callable[[], None], end: Callable[[], None]) -> Tunnel | Upgrade:
    """Return the same answer; `begin` is called when the connection is taken over, `end` when it has ended, however it did."""
    serve: Callable[[Any], Any] = answer.serve

    async def served(channel: Any) -> None:
        begin()
        try:
            await serve(channel)
        finally:
            end()

    return answer._replace(serve=served)
