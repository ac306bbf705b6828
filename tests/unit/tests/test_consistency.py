"""The consistency check itself: it must find what it looks for."""

from __future__ import annotations

import pytest

from tests.consistency import OK, REFUSED, UNKNOWN, Read, Write, faults, watch_faults

GOOD = [
    Write(0, 1, 1, OK, 10),
    Write(1.5, 3, 2, OK, 12),
    Write(1.5, 2, 2, REFUSED),
    Write(3, 4, 3, UNKNOWN),
    Write(5, 6, 4, OK, 20),
]


def test_a_history_in_order_is_let_pass() -> None:
    assert faults(GOOD, [Read(0, 9, 2), Read(1.2, 1.4, 1), Read(3.5, 3.9, 3), Read(7, 8, 4)]) == []
    assert watch_faults([1, 2, 3], 3) == []


@pytest.mark.parametrize(
    ("writes", "reads", "said"),
    [
        ([Write(0, 1, 1, OK, 10), Write(0, 1, 1, OK, 11)], [], "two writes took the counter to 1"),
        ([Write(0, 1, 1, OK, 10), Write(2, 3, 2, OK, 9)], [], "2 has revision 9"),
        ([Write(2, 3, 1, OK, 10), Write(0, 1, 2, OK, 11)], [], "2 was answered before 1 was asked for"),
        ([Write(0, 1, 1, OK, 10), Write(2, 3, 3, OK, 11)], [], "nobody wrote [2]"),
        (GOOD, [Read(7, 8, 2)], "2 was read after 4 had been answered"),
        (GOOD, [Read(0, 9, 7)], "7 was read and never written"),
        (GOOD, [Read(0, 2, 2), Read(2.5, 2.9, 1)], "a read went back from 2"),
    ],
)
def test_what_is_out_of_order_is_found(writes: list[Write], reads: list[Read], said: str) -> None:
    assert any(said in fault for fault in faults(writes, reads))


@pytest.mark.parametrize("values", [[1, 3], [1, 1, 2, 3], [2, 1, 3], [1, 2]])
def test_watches_that_miss_repeat_or_reorder_are_found(values: list[int]) -> None:
    assert watch_faults(values, 3)
