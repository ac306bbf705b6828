"""Large bodies that are put together while they are sent: a list of many megabytes is never in memory as one.

Made by handlers, sent by `connection`. What always holds: the pieces never change once they were handed over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

SLICE = 128 * 1024
"""Bytes that are handed to the transport at a time: few enough to stay in the processor's cache while they are encrypted, and few
enough that a peer which takes nothing is noticed before much waits for it."""


class Joined:
    """The body `head`, the `items` with a comma between any two, `tail`; or the same with the items in `blocks` that were joined
    before."""

    __slots__ = ("_blocks", "_head", "_items", "_length", "_tail")

    def __init__(self, head: bytes, items: Sequence[bytes], tail: bytes, blocks: Sequence[bytes] | None = None) -> None:
        self._head, self._items, self._tail, self._blocks = head, items, tail, blocks
        inner = sum(map(len, items)) + max(0, len(items) - 1) if blocks is None else sum(map(len, blocks))
        self._length = len(head) + inner + len(tail)

    def __len__(self) -> int:
        return self._length

    def __bytes__(self) -> bytes:
        return b"".join(self.slices())

    def slices(self) -> Iterator[bytes]:
        """Yield the body in parts of about `SLICE` bytes; an item is never divided."""
        glue = self._head
        for block in blocks_of(self._items) if self._blocks is None else self._blocks:
            yield glue + block if glue else block
            glue = b""
        yield glue + self._tail


def blocks_of(items: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the items with a comma between any two, in blocks of about `SLICE` bytes."""
    ends = list(accumulate(map(len, items)))
    start, before = 0, 0
    while start < len(items):
        end = max(bisect_right(ends, before + SLICE, start), start + 1)
        yield b",".join(items[start:end]) if start == 0 else b",".join((b"", *items[start:end]))
        start, before = end, ends[end - 1]


Body = bytes | Joined


def slices_of(body: Body) -> Iterator[bytes | memoryview]:
    """Yield a body in the parts in which it is sent."""
    if isinstance(body, Joined):
        yield from body.slices()
        return
    view = memoryview(body)
    for start in range(0, len(view), SLICE):
        yield view[start : start + SLICE]
