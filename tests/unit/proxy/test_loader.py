"""Running nft: what goes wrong with the program is a refusal, which is tried again, and never the proxy's end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kubern.proxy import loader
from kubern.proxy.loader import LoadError, NftLoader
from kubern.proxy.ruleset import Ruleset


def nft(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program of this name first in the path."""
    program = folder / "nft"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


async def test_a_question_hands_nothing_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nft(tmp_path, "readlink /proc/self/fd/0", monkeypatch)
    assert await loader._nft("", "list") == b"/dev/null\n"


async def test_an_end_before_the_rules_are_handed_over_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended:
        async def communicate(self, text: bytes) -> None:
            raise RuntimeError("unable to perform operation on <WriteUnixTransport closed=True>; the handler is closed")

        async def wait(self) -> int:
            return 1

    async def start(*command: str, **options: object) -> Ended:
        return Ended()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    with pytest.raises(LoadError, match="ended before it was told the rules"):
        await loader._nft("add table ip t")


async def test_what_nft_says_is_the_refusals_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nft(tmp_path, "echo no such chain >&2; exit 1", monkeypatch)
    with pytest.raises(LoadError, match="no such chain"):
        await NftLoader().load(Ruleset("ip t", {}, {}))
