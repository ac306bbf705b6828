"""CPU profiles: who is charged, and what a reader of pprof's protobuf finds in them."""

from __future__ import annotations

import gzip
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

from kubern.base.pprof import Place, Profile, Sampler, as_pprof, as_text

OUTER, INNER = Place("app.main", "/app.py", 1, 9), Place("app.work", "/app.py", 20, 300)
PROFILE = Profile(
    {(INNER, OUTER): 20_000_000, (OUTER,): 4_000_000}, {(INNER, OUTER): 2, (OUTER,): 1}, 7_000_000_000, 10**9
)


def fields(data: bytes) -> dict[int, list[int | bytes]]:
    """Read one protobuf message: its values by field number."""
    found: dict[int, list[int | bytes]] = defaultdict(list)
    numbers = iter(data)
    for key in numbers:
        tag = varint(numbers, key)
        value = varint(numbers, next(numbers))
        found[tag >> 3].append(value if tag & 7 == 0 else bytes(next(numbers) for _ in range(value)))
    return found


def varint(numbers: Iterator[int], first: int) -> int:
    """Read a number whose first byte has been read."""
    value, shift = first & 0x7F, 7
    while first & 0x80:
        first = next(numbers)
        value |= (first & 0x7F) << shift
        shift += 7
    return value


def packed(data: int | bytes) -> list[int]:
    """Read packed numbers."""
    assert isinstance(data, bytes)
    numbers = iter(data)
    return [varint(numbers, first) for first in numbers]


def inner(data: int | bytes) -> dict[int, list[int | bytes]]:
    assert isinstance(data, bytes)
    return fields(data)


def test_the_protobuf_holds_what_was_sampled() -> None:
    read = fields(gzip.decompress(as_pprof(PROFILE)))
    strings = [value.decode() for value in read[6] if isinstance(value, bytes)]
    assert strings[0] == ""

    def text(value: int | bytes) -> str:
        assert isinstance(value, int)
        return strings[value]

    kinds = [(text(inner(kind)[1][0]), text(inner(kind)[2][0])) for kind in read[1]]
    assert kinds == [("samples", "count"), ("cpu", "nanoseconds")]
    functions = {inner(each)[1][0]: inner(each) for each in read[5]}
    places = {}
    for each in read[4]:
        line = inner(inner(each)[4][0])
        function = functions[line[1][0]]
        places[inner(each)[1][0]] = Place(
            text(function[2][0]), text(function[4][0]), int(function[5][0]), int(line[2][0])
        )
    samples = {}
    for each in read[2]:
        stack = tuple(places[number] for number in packed(inner(each)[1][0]))
        samples[stack] = packed(inner(each)[2][0])
    assert samples == {(INNER, OUTER): [2, 20_000_000], (OUTER,): [1, 4_000_000]}
    assert (read[9], read[10], read[12]) == ([7_000_000_000], [10**9], [10_000_000])
    assert [text(value) for value in (inner(read[11][0])[1][0], inner(read[11][0])[2][0])] == ["cpu", "nanoseconds"]


def test_the_text_is_one_line_a_stack_the_longest_first() -> None:
    assert as_text(PROFILE) == "app.main;app.work 20\napp.main 4\n"


def burn(until: threading.Event) -> None:
    while not until.is_set():
        sum(range(1000))


def test_only_threads_that_run_are_charged() -> None:
    done = threading.Event()
    idle = threading.Thread(target=done.wait, name="idle")
    busy = threading.Thread(target=burn, args=(done,))
    taken: list[Profile] = []
    sampler = Sampler(30, time.monotonic, 0)
    sampling = threading.Thread(target=lambda: taken.append(sampler.run()))
    threads = (idle, busy, sampling)
    try:
        for thread in threads:
            thread.start()
        threading.Event().wait(0.4)
        sampler.stop()
        sampling.join(20)
    finally:
        done.set()
        for thread in threads:
            thread.join(20)
    stacks = taken[0].nanoseconds
    total = sum(stacks.values())
    burning = sum(used for stack, used in stacks.items() if any(place.function.endswith(".burn") for place in stack))
    assert total > 20_000_000
    assert burning > 0.8 * total
