"""An ordered set of keys, for ranges over the in-memory index.

Used by `index`. The keys lie in blocks of at most `2 * LOAD`, so that adding one to 100,000 moves a few hundred
pointers and not all of them, and counting a range adds up some hundred block lengths.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

LOAD = 512


class SortedKeys:
    """A sorted set of bytes. `end` is exclusive everywhere; `None` means no end."""

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        ordered = sorted(set(keys))
        self._blocks = [ordered[at : at + LOAD] for at in range(0, len(ordered), LOAD)]
        self._firsts = [block[0] for block in self._blocks]
        self._size = len(ordered)

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: bytes) -> bool:
        block, at = self._find(key)
        return block < len(self._blocks) and at < len(self._blocks[block]) and self._blocks[block][at] == key

    def add(self, key: bytes) -> None:
        """Add `key`; adding it twice changes nothing."""
        if not self._blocks:
            self._blocks, self._firsts, self._size = [[key]], [key], 1
            return
        number = max(bisect_right(self._firsts, key) - 1, 0)
        block = self._blocks[number]
        at = bisect_left(block, key)
        if at < len(block) and block[at] == key:
            return
        block.insert(at, key)
        self._firsts[number] = block[0]
        self._size += 1
        if len(block) > 2 * LOAD:
            self._blocks.insert(number + 1, block[LOAD:])
            insort(self._firsts, block[LOAD])
            del block[LOAD:]

    def discard(self, key: bytes) -> None:
        """Take `key` out, if it is there."""
        if key not in self:
            return
        number, at = self._find(key)
        block = self._blocks[number]
        del block[at]
        self._size -= 1
        if block:
            self._firsts[number] = block[0]
        else:
            del self._blocks[number], self._firsts[number]

    def iterate(self, start: bytes, end: bytes | None) -> Iterator[bytes]:
        """Yield the keys in [start, end) in order; the set must not change meanwhile."""
        number, at = self._find(start)
        for block in self._blocks[number:]:
            if end is not None and block[-1] >= end:
                yield from block[at : bisect_left(block, end)]
                return
            yield from block[at:]
            at = 0

    def count(self, start: bytes, end: bytes | None) -> int:
        """Return how many keys lie in [start, end)."""
        upper = self._size if end is None else self._rank(end)
        return max(upper - self._rank(start), 0)

    def _find(self, key: bytes) -> tuple[int, int]:
        """Return the block and the place in it of the first key that is not below `key`."""
        number = max(bisect_right(self._firsts, key) - 1, 0)
        if number >= len(self._blocks):
            return 0, 0
        at = bisect_left(self._blocks[number], key)
        return (number + 1, 0) if at == len(self._blocks[number]) else (number, at)

    def _rank(self, key: bytes) -> int:
        number, at = self._find(key)
        return sum(len(block) for block in self._blocks[:number]) + at
