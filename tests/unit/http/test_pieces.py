"""Large bodies that are joined while they are sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubern.http.pieces import SLICE, Joined, slices_of


@given(st.binary(max_size=20), st.lists(st.binary(max_size=50), max_size=40), st.binary(max_size=20))
def test_a_joined_body_is_as_long_as_it_says_and_what_a_join_makes(
    head: bytes, items: list[bytes], tail: bytes
) -> None:
    whole = head + b",".join(items) + tail
    body = Joined(head, items, tail)
    assert len(body) == len(whole)
    assert bytes(body) == whole


@given(st.lists(st.sampled_from([1, SLICE // 3, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE]), min_size=1, max_size=12))
def test_slices_are_bounded_by_the_largest_item(sizes: list[int]) -> None:
    items = [bytes([65 + index]) * size for index, size in enumerate(sizes)]
    parts = list(Joined(b"[", items, b"]").slices())
    assert b"".join(parts) == b"[" + b",".join(items) + b"]"
    assert max(map(len, parts)) <= max(SLICE, max(sizes)) + len(items) + 1
    assert len(parts) <= 2 * (sum(sizes) // SLICE + 1) + 1


def test_plain_bytes_are_sent_in_views_without_copies() -> None:
    body = bytes(range(256)) * (SLICE // 256) + b"rest"
    parts = list(slices_of(body))
    assert [len(part) for part in parts] == [SLICE, 4]
    assert all(isinstance(part, memoryview) for part in parts)
    assert b"".join(parts) == body
