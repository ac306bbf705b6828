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
    """The body `head`, the `items` with a comma between any two, `tail`.

    `ends` are the sums of the items' lengths, for who has them already: to find them costs one look at each item.
    """

    __slots__ = ("_ends", "_head", "_items", "_tail")

    def __init__(self, head: bytes, items: Sequence[bytes], tail: bytes, ends: list[int] | None = None) -> None:
        self._head, self._items, self._tail = head, items, tail
        self._ends = list(accumulate(map(len, items))) if ends is None else ends

    def __len__(self) -> int:
        between = max(0, len(self._items) - 1)
        return len(self._head) + len(self._tail) + between + (self._ends[-1] if self._ends else 0)

    def __bytes__(self) -> bytes:
        return b"".join(self.slices())

    def slices(self) -> Iterator[bytes]:
        """Yield the body in parts of about `SLICE` bytes; an item is never divided."""
        items, ends = self._items, self._ends
        start, before, glue = 0, 0, self._head
        while start < len(items):
            end = max(bisect_right(ends, before + SLICE, start), start + 1)
            yield glue + b",".join(items[start:end]) if start == 0 else b",".join((b"", *items[start:end]))
            start, before, glue = end, ends[end - 1], b""
        yield glue + self._tail


Body = bytes | Joined


def slices_of(body: Body) -> Iterator[bytes | memoryview]:
    """Yield a body in the parts in which it is sent."""
    if isinstance(body, Joined):
        yield from body.slices()
        return
    view = memoryview(body)
    for start in range(0, len(view), SLICE):
        yield view[start : start + SLICE]
