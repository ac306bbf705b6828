"""Loads rule sets into the kernel through `nft`, atomically: a load that is refused changes nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess

from kubern.proxy.ruleset import Ruleset, Standing, change, taken_over, whole

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
        if self._loaded is None:
            standing = await _standing(ruleset.table)
            text = whole(ruleset) if standing is None else taken_over(standing, ruleset)
        else:
            text = change(self._loaded, ruleset)
        if not text:
            return False
        try:
            await _nft(text)
        except LoadError as error:
            log.warning("the rules that stand cannot be changed, replacing all of them: %s", error)
            self._loaded = None
            await _nft(whole(ruleset))
        self._loaded = ruleset
        return True


def remove(table: str) -> None:
    """Delete the table; silent when there is none."""
    subprocess.run(["nft", "delete", "table", *table.split()], capture_output=True, check=False, timeout=10)


async def _standing(table: str) -> Standing | None:
    """Return what the kernel holds of the table; None when there is none."""
    try:
        answer = await _nft("", "--json", "--terse", "list", "table", *table.split())
    except LoadError:
        return None
    chains, collections = [], []
    for item in json.loads(answer)["nftables"]:
        for kind, found in item.items():
            if kind == "chain":
                chains.append(found["name"])
            elif kind in ("map", "set"):
                collections.append((kind, found["name"], int(found.get("timeout", 0))))
    return Standing(frozenset(chains), frozenset(collections))


async def _nft(text: str, *arguments: str) -> bytes:
    """Run nft, on the rules in `text` unless arguments say otherwise, and return its output. Raises `LoadError`."""
    process = await asyncio.create_subprocess_exec(
        "nft", *(arguments or ("-f", "-")), stdin=subprocess.PIPE if text else subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            answer, errors = await process.communicate(text.encode() if text else None)
    except RuntimeError as error:  # uvloop's word for a pipe whose other end went before the first byte was written
        await process.wait()
        raise LoadError("nft ended before it was told the rules") from error
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise LoadError("nft did not answer within 30 s") from error
    if process.returncode:
        raise LoadError(errors.decode(errors="replace").strip()[:500])
    return answer
