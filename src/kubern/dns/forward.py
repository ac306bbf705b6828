"""Asks another DNS server: what the cluster does not know is somebody else's to answer."""

from __future__ import annotations

import asyncio

ANSWER_SECONDS = 4.0


async def ask(server: tuple[str, int], wire: bytes) -> bytes:
    """Return the answer of `server` to a question, asked over TCP so that it is never cut. Raises `OSError`, `TimeoutError`."""
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_connection(*server)
        try:
            writer.write(len(wire).to_bytes(2, "big") + wire)
            await writer.drain()
            return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(f"{server[0]} ended the connection") from error
        finally:
            writer.close()
