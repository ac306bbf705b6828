"""Loads rule sets into the kernel through `nft`, atomically: a load that is refused changes nothing."""

from __future__ import annotations

import asyncio
import logging
import subprocess

from kubern.proxy.ruleset import Ruleset, change, whole

log = logging.getLogger(__name__)


class LoadError(Exception):
    """`nft` refused the rules; the message is what it said."""


class NftLoader:
    """Keeps what was loaded last, so that the next load names only the difference."""

    def __init__(self) -> None:
        self._loaded: Ruleset | None = None

    async def load(self, ruleset: Ruleset) -> bool:
        """Make `ruleset` the kernel's; returns whether anything had to change. Raises `LoadError`.

        When a difference is refused (somebody else touched the table) the whole table is loaded anew.
        """
        if self._loaded is not None:
            text = change(self._loaded, ruleset)
            if not text:
                return False
            try:
                await _nft(text)
            except LoadError as error:
                log.warning("rules changed behind our back, loading all of them: %s", error)
                self._loaded = None
        if self._loaded is None:
            await _nft(whole(ruleset))
        self._loaded = ruleset
        return True


def remove(table: str) -> None:
    """Delete the table; silent when there is none."""
    subprocess.run(["nft", "delete", "table", *table.split()], capture_output=True, check=False, timeout=10)


async def _nft(text: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "nft", "-f", "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            _, errors = await process.communicate(text.encode())
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise LoadError("nft did not answer within 30 s") from error
    if process.returncode:
        raise LoadError(errors.decode(errors="replace").strip()[:500])
