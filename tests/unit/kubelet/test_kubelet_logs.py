"""Reading CRI log files: formats, limits, and following through rotation to the container's end."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.base.clock import FakeClock
from kubern.kubelet.server.logs import LogOptions, read_log, tail_offset

LOG = b"""\
2026-01-01T00:00:01.000000001Z stdout F one
2026-01-01T00:00:02.000000002Z stderr F two
2026-01-01T00:00:03.000000003Z stdout P thr
2026-01-01T00:00:03.000000004Z stdout F ee

half an ent
2026-01-01T00:00:04.000000000Z stdout F\x20
"""


async def _stopped() -> bool:
    return False


async def _read(path, **options) -> bytes:
    return b"".join([p async for p in read_log(path, LogOptions(**options), FakeClock(), _stopped)])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, b"one\ntwo\nthree\n\n"),
        ({"stream": "Stderr"}, b"two\n"),
        ({"stream": "Stdout"}, b"one\nthree\n\n"),
        ({"limit": 5}, b"one\nt"),
        ({"tail": 1}, b"\n"),
        ({"tail": 0}, b""),
        ({"tail": 100}, b"one\ntwo\nthree\n\n"),
        ({"since": datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)}, b"three\n\n"),
        (
            {"timestamps": True},
            b"2026-01-01T00:00:01.000000001Z one\n2026-01-01T00:00:02.000000002Z two\n"
            b"2026-01-01T00:00:03.000000003Z three\n2026-01-01T00:00:04.000000000Z \n",
        ),
        ({"timestamps": True, "limit": 33}, b"2026-01-01T00:00:01.000000001Z on"),
    ],
    ids=str,
)
async def test_options(tmp_path, options, expected):
    path = tmp_path / "0.log"
    path.write_bytes(LOG)
    assert await _read(path, **options) == expected


async def test_an_entry_without_its_line_break_is_shown_at_the_end(tmp_path):
    path = tmp_path / "0.log"
    path.write_bytes(b"2026-01-01T00:00:01.000000001Z stdout F cut")
    assert await _read(path) == b"cut\n"


async def test_since_reads_timestamps_of_another_zone(tmp_path):
    path = tmp_path / "0.log"
    path.write_bytes(b"2026-01-01T02:00:01.123456789+02:00 stdout F early\n2026-01-01T05:00:00+02:00 stdout F late\n")
    assert await _read(path, since=datetime(2026, 1, 1, 1, tzinfo=UTC)) == b"late\n"


async def test_timestamps_are_shown_with_nine_decimals(tmp_path):
    path = tmp_path / "0.log"
    path.write_bytes(b"2026-01-01T00:00:01.5Z stdout F a\n2026-01-01T00:00:02Z stdout F b\nno-time stdout F c\n")
    assert await _read(path, timestamps=True) == (
        b"2026-01-01T00:00:01.500000000Z a\n2026-01-01T00:00:02.000000000Z b\nno-time c\n"
    )


async def test_a_missing_log(tmp_path):
    with pytest.raises(FileNotFoundError):
        await _read(tmp_path / "0.log")


@given(st.lists(st.integers(0, 40_000), max_size=8), st.integers(1, 10), st.booleans())
def test_tail_finds_the_last_lines_whatever_their_length(lengths, wanted, ended):
    lines = [b"x" * length + b"\n" for length in lengths]
    if lines and not ended:
        lines[-1] = lines[-1][:-1] + b"y"
    whole = b"".join(lines)
    assert whole[tail_offset(io.BytesIO(whole), wanted) :] == b"".join(lines[-wanted:])


async def test_following_through_rotation_until_the_container_ends(tmp_path):
    path, clock = tmp_path / "0.log", FakeClock()
    running = True
    entry = b"2026-01-01T00:00:01.000000000Z stdout F %b\n"
    path.write_bytes(entry % b"a" + entry[:40] % ())

    async def is_running() -> bool:
        return running

    got: list[bytes] = []

    async def follow() -> None:
        async for piece in read_log(path, LogOptions(follow=True), clock, is_running):
            got.append(piece)

    task = asyncio.create_task(follow())
    await clock.advance(0.25)
    assert b"".join(got) == b"a\n"
    with path.open("ab") as file:
        file.write(b"b\n")
    path.rename(tmp_path / "0.log.20260101-000000")
    path.write_bytes(entry % b"c")
    await clock.advance(0.25)
    assert b"".join(got) == b"a\nb\nc\n"
    with path.open("ab") as file:
        file.write(entry % b"d")
    running = False
    await clock.advance(0.25)
    await asyncio.wait_for(task, 5)
    assert b"".join(got) == b"a\nb\nc\nd\n"
