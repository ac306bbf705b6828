"""Fair queues: who is served when there are fewer seats than requests."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.apiserver.flow.queues import FairQueues, Shape, Ticket, deal

SHAPE = Shape(queues=64, hand_size=6, length_limit=50)


def test_a_flow_has_always_the_same_hand_of_different_queues() -> None:
    hand = deal("a", 64, 8)
    assert hand == deal("a", 64, 8)
    assert len(set(hand)) == 8
    assert hand != deal("b", 64, 8)


@pytest.mark.parametrize(
    ("in_use", "width", "taken"),
    [(0, 1, True), (3, 1, True), (4, 1, False), (3, 2, False), (0, 9, True)],
    ids=["idle", "last seat", "full", "too wide", "wider than all, alone"],
)
def test_seats_are_taken_while_there_are_any(in_use: int, width: int, taken: bool) -> None:
    level = FairQueues(SHAPE, 4)
    level.in_use = in_use
    assert level.take(width) is taken


def test_nobody_overtakes_those_who_wait() -> None:
    level = FairQueues(SHAPE, 1)
    assert level.take(1)
    assert level.put("a", 1, None)
    level.release(1)
    assert not level.take(1)


def test_a_full_hand_is_refused() -> None:
    level = FairQueues(Shape(8, 2, 3), 1)
    waiting = [level.put("a", 1, None) for _ in range(7)]
    assert [ticket is not None for ticket in waiting] == [True] * 6 + [False]


def test_without_queues_nobody_waits() -> None:
    assert FairQueues(None, 1).put("a", 1, None) is None


def test_one_who_gives_up_leaves_no_trace() -> None:
    level = FairQueues(SHAPE, 1)
    assert level.take(1)
    ticket = level.put("a", 3, None)
    assert ticket
    level.remove(ticket)
    level.release(1)
    assert (level.waiting, level.waiting_seats, level.next()) == (0, 0, None)


@given(noise=st.integers(10, 250), seconds=st.floats(0.001, 2.0), seats=st.integers(1, 8))
def test_a_noisy_flow_does_not_starve_a_quiet_one(noise: int, seconds: float, seats: int) -> None:
    level = FairQueues(SHAPE, seats)
    running: list[Ticket | int] = []
    while level.take(1):
        running.append(1)
    assert all(level.put("noisy", 1, "noisy") for _ in range(noise))
    for _ in range(5):
        assert level.put("quiet", 1, "quiet")
    served: list[str] = []
    while running:
        done = running.pop(0)
        if isinstance(done, Ticket):
            level.settle(done, seconds)
        level.release(1)
        while ticket := level.next():
            served.append(ticket.turn)
            running.append(ticket)
    assert Counter(served) == {"noisy": noise, "quiet": 5}
    # the quiet one's five requests lie in at most six queues, and so do the noisy one's: it gets about half until it is done
    assert max(index for index, who in enumerate(served) if who == "quiet") <= 40 + 2 * seats


_STEPS = st.lists(st.tuples(st.sampled_from(["enter", "leave"]), st.integers(0, 5), st.integers(1, 12)), max_size=200)


@given(_STEPS, st.integers(1, 10))
def test_no_seat_is_free_while_a_request_that_fits_waits(steps: list[tuple[str, int, int]], seats: int) -> None:
    level = FairQueues(Shape(8, 2, 5), seats)
    running: list[int] = []
    for what, flow, width in steps:
        if what == "enter":
            if level.take(width):
                running.append(width)
            else:
                level.put(str(flow), width, None)
        elif running:
            level.release(running.pop(flow % len(running)))
        while ticket := level.next():
            running.append(ticket.width)
        assert level.in_use == sum(running)
        assert level.in_use <= seats or len(running) == 1
        assert not level.waiting or running
