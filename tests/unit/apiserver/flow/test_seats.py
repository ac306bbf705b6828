"""Dividing and lending seats."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubern.apiserver.flow.objects import priority_levels
from kubern.apiserver.flow.seats import Demand, Limits, borrowed, nominal_limits

DEFAULTS = {level["metadata"]["name"]: level for level in priority_levels()}


def test_the_default_levels_have_upstreams_seats() -> None:
    limits = nominal_limits(DEFAULTS, 600)
    assert limits["workload-low"] == Limits(245, 25, 600)
    assert limits["catch-all"] == Limits(13, 13, 600)
    assert limits["exempt"].nominal == 0


def test_a_busy_level_borrows_what_an_idle_one_lends() -> None:
    given = borrowed([Limits(50, 10, 100), Limits(50, 10, 100)], [Demand(0, 0), Demand(200, 200)], 100)
    assert given == [10, 90]


def test_a_level_that_wants_its_own_seats_gets_them() -> None:
    given = borrowed([Limits(50, 10, 100), Limits(50, 10, 100)], [Demand(50, 50), Demand(500, 500)], 100)
    assert given == [50, 50]


_LEVEL = st.tuples(st.integers(1, 100), st.integers(0, 100), st.integers(0, 100), st.floats(0, 500))


@given(st.lists(_LEVEL, min_size=1, max_size=8))
def test_nobody_goes_below_what_it_keeps_or_above_what_it_may_borrow(found: list[tuple[int, int, int, float]]) -> None:
    limits = [Limits(n, n - n * lend // 100, n + n * more // 100) for n, lend, more, _ in found]
    server = sum(limit.nominal for limit in limits)
    given = borrowed(limits, [Demand(wanted, wanted) for *_, wanted in found], server)
    for seats, limit in zip(given, limits, strict=True):
        assert limit.least <= seats <= limit.most
    assert sum(given) <= server + len(limits)
