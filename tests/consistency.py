"""Checks of a recorded history: compare-and-swap that is linearizable, and watches that miss, repeat and reorder nothing.

The registers are counters that every write raises by one, so that a value names its place in the order: what was read is the expected
value, what a watch shows must be 1, 2, 3 … without a gap. Source: Herlihy and Wing, "Linearizability".
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"


class Write(NamedTuple):
    """One attempt to raise a counter from `value - 1` to `value`; times are those of one clock. `revision` is that of a success."""

    begun: float
    ended: float
    value: int
    outcome: str
    revision: int = 0


class Read(NamedTuple):
    """What a read that asked for the present returned."""

    begun: float
    ended: float
    value: int


def faults(writes: Sequence[Write], reads: Sequence[Read] = ()) -> list[str]:
    """Return what cannot be explained by any order in which the operations happened one by one."""
    found = []
    done = {}
    for write in writes:
        if write.outcome == OK:
            if write.value in done:
                found.append(f"two writes took the counter to {write.value}")
            done[write.value] = write
    ordered = [done[value] for value in sorted(done)]
    for before, after in itertools.pairwise(ordered):
        if after.revision <= before.revision:
            found.append(f"{after.value} has revision {after.revision}, {before.value} before it {before.revision}")
        if after.ended < before.begun:
            found.append(f"{after.value} was answered before {before.value} was asked for")
    possible = {write.value for write in writes if write.outcome in (OK, UNKNOWN)}
    missing = set(range(1, max(possible | {0}) + 1)) - possible
    reached = max(done, default=0)
    if any(value <= reached for value in missing):
        found.append(f"nobody wrote {sorted(value for value in missing if value <= reached)}")
    return found + _read_faults(done, possible, reads)


def _read_faults(done: dict[int, Write], possible: set[int], reads: Sequence[Read]) -> list[str]:
    found = []
    for read in reads:
        if read.value and read.value not in possible:
            found.append(f"{read.value} was read and never written")
        stale = [w.value for w in done.values() if w.ended < read.begun and w.value > read.value]
        if stale:
            found.append(f"{read.value} was read after {max(stale)} had been answered")
    for first in reads:
        if any(second.begun > first.ended and second.value < first.value for second in reads):
            found.append(f"a read went back from {first.value}")
    return found


def watch_faults(values: Sequence[int], last: int) -> list[str]:
    """Return what is wrong with the values that a watch has shown of a counter which ended at `last`."""
    expected = list(range(1, last + 1))
    return [] if list(values) == expected else [f"a watch showed {list(values)} where 1 to {last} happened"]
