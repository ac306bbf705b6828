"""Run by test_crash: opens a store, checks what the killed writers before it were answered, and gets killed again and again.

Arguments: directory, rounds. For every round a child process opens the store, writes under load and reports each answered
write on a pipe; the parent kills it with SIGKILL at a random moment, opens the store itself and compares.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import sys
import time
from pathlib import Path
from zlib import crc32

from kubern.base.clock import SystemClock
from kubern.store.contract import Compacted
from kubern.store.embedded import EmbeddedStore

CLIENTS = 12


def value_of(key: bytes, number: int) -> bytes:
    """A value that tells its key and number and cannot be half there unnoticed."""
    body = b"%s %d " % (key, number) + bytes([number % 251]) * (number % 3000)
    return b"%08x " % crc32(body) + body


async def client(store: EmbeddedStore, pipe: int, name: int, random_: random.Random) -> None:
    key = b"/load/%02d" % name
    found = (await store.range(key)).items
    number = int(found[0].value.split(b" ")[2]) if found else 0
    while True:
        number += 1
        # every seventh write is a deletion; its number comes back with the next value
        value = None if number % 7 == 0 and number > 1 else value_of(key, number)
        result = await store.txn(key, value)
        os.write(pipe, b"%s %d %d %d\n" % (key, number, result.revision, value is None))
        if random_.random() < 0.002:
            try:
                await store.compact(max(result.revision - 50, 1))
            except Compacted:
                pass


async def load(directory: Path, pipe: int, seed: int) -> None:
    store = await EmbeddedStore.open(directory, clock=SystemClock())
    os.write(pipe, b"open\n")
    await asyncio.gather(*(client(store, pipe, n, random.Random(seed * 100 + n)) for n in range(CLIENTS)))


def run_and_kill(directory: Path, seed: int, seconds: float) -> list[bytes]:
    """Fork a writer, kill it that long after it opened the store, and return the lines that it reported."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        asyncio.run(load(directory, writing, seed))
        os._exit(1)
    os.close(writing)
    received = b""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([reading], [], [], max(deadline - time.monotonic(), 0))[0]:
            chunk = os.read(reading, 1 << 16)
            if not received and chunk:
                deadline = time.monotonic() + seconds
            if not chunk:
                break
            received += chunk
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while chunk := os.read(reading, 1 << 16):
        received += chunk
    os.close(reading)
    return received.split(b"\n")[:-1]


async def verify(directory: Path, answered: dict[bytes, tuple[int, int, bool]]) -> dict[bytes, tuple[int, int, bool]]:
    """Compare the store with the last answered write of each key; return what is there now.

    That is where the next round begins: a write that was kept without being answered has been seen, and must stay too.
    """
    store = await EmbeddedStore.open(directory, clock=SystemClock())
    newest = await store.revision()
    found = {item.key: item for item in (await store.range(b"", b"\0")).items}
    for item in found.values():
        crc, body = item.value.split(b" ", 1)
        assert int(crc, 16) == crc32(body), f"half a write: {item}"
        assert body.startswith(item.key + b" "), f"another key's value: {item}"
    for key, (number, revision, deleted) in answered.items():
        assert revision <= newest, f"revision {revision} was answered and the store is at {newest}"
        last = found.get(key)
        if last is None:
            # only the answered write or one after it that was not answered any more may have deleted it
            assert deleted or (number + 1) % 7 == 0, f"{key!r} {number} is lost"
        else:
            assert last.mod_revision > revision or (last.mod_revision == revision and not deleted), f"{key!r} is old"
    if newest > 1:
        watch, seen = store.watch(b"", b"\0", revision=max(store.compact_revision, 2)), []
        while not seen or seen[-1] < newest:
            seen.extend(event.current.mod_revision for event in await anext(watch))
        assert seen == list(range(seen[0], newest + 1)), "a revision is missing"
    await store.close()
    return {key: (int(item.value.split(b" ")[2]), item.mod_revision, False) for key, item in found.items()}


def main() -> None:
    directory, rounds = Path(sys.argv[1]), int(sys.argv[2])
    moments = random.Random()
    answered: dict[bytes, tuple[int, int, bool]] = {}
    total = 0
    for seed in range(rounds):
        lines = run_and_kill(directory, seed, moments.uniform(0, 0.15))
        for line in lines:
            if line != b"open":
                key, number, revision, deleted = line.split(b" ")
                answered[key] = (int(number), int(revision), deleted == b"1")
                total += 1
        answered = asyncio.run(verify(directory, answered))
    print(f"{rounds} kills, {total} answered writes")


if __name__ == "__main__":
    main()
