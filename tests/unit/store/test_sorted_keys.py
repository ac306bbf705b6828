"""The ordered key set against a plain sorted list."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from kubern.store import sorted_keys
from kubern.store.sorted_keys import SortedKeys

KEYS = st.binary(max_size=2)


@given(st.lists(st.tuples(st.booleans(), KEYS), max_size=60), KEYS, st.none() | KEYS)
def test_it_holds_what_a_sorted_list_holds(steps: list[tuple[bool, bytes]], start: bytes, end: bytes | None) -> None:
    keys, model = SortedKeys([b"m", b"a"]), {b"m", b"a"}
    for add, key in steps:
        (keys.add if add else keys.discard)(key)
        (model.add if add else model.discard)(key)
    inside = [key for key in sorted(model) if key >= start and (end is None or key < end)]
    assert list(keys.iterate(start, end)) == inside
    assert keys.count(start, end) == len(inside)
    assert len(keys) == len(model)


def test_many_blocks_stay_in_order_and_short() -> None:
    order = [b"%05d" % number for number in range(10_000)]
    shuffled = random.Random(1).sample(order, len(order))
    keys = SortedKeys(shuffled[:3000])
    for key in shuffled[3000:]:
        keys.add(key)
    assert list(keys.iterate(b"", None)) == order
    assert keys.count(b"00500", b"09000") == 8500
    assert list(keys.iterate(b"04999", b"05003")) == [b"04999", b"05000", b"05001", b"05002"]
    assert max(map(len, keys._blocks)) <= 2 * sorted_keys.LOAD
    for key in shuffled[:9990]:
        keys.discard(key)
    assert list(keys.iterate(b"", None)) == sorted(shuffled[9990:])
