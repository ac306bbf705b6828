"""tcpSocket: it is well when the port takes a connection."""

from __future__ import annotations

import asyncio
import contextlib

from kubern.kubelet.probe import Outcome, Probe, Target, port


async def check(target: Target) -> Outcome:
    """Connect once and hang up."""
    host = target.handler.get("host") or target.ip
    number = port(target)
    where = f"dial tcp [{host}]:{number}" if ":" in host else f"dial tcp {host}:{number}"
    try:
        async with asyncio.timeout(target.timeout):
            _, writer = await asyncio.open_connection(host, number)
    except TimeoutError:
        return Outcome(False, f"{where}: i/o timeout")
    except ConnectionRefusedError:
        return Outcome(False, f"{where}: connect: connection refused")
    except OSError as error:
        return Outcome(False, f"{where}: connect: {(error.strerror or str(error)).lower()}")
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return Outcome(True)


PROBE = Probe("tcpSocket", check)
