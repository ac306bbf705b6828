"""CPU profiles of this process, sampled, and their form: pprof's protobuf, which `go tool pprof` reads, or text.

`Sampler` runs in a thread of its own and charges each thread's CPU time, as the kernel counts it, to the stack that the thread is in. What
always holds: without a running profile nothing of this costs anything; threads that wait for something are charged nothing.
"""

from __future__ import annotations

import gzip
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from types import FrameType
from typing import NamedTuple

PERIOD = 0.01
"""Seconds between two samples, as Go's profiler has it."""
_DEEPEST = 128


class Place(NamedTuple):
    """Where a stack's frame is: the function, its first line, and the line that runs."""

    function: str
    file: str
    first: int
    line: int


class Profile(NamedTuple):
    """CPU time and samples by stack, the innermost frame first."""

    nanoseconds: dict[tuple[Place, ...], int]
    samples: dict[tuple[Place, ...], int]
    begun: int
    """Nanoseconds since 1970."""
    lasted: int
    """Nanoseconds."""


class Sampler:
    """Takes one profile: `run` blocks until `seconds` are over or `stop` is called from another thread."""

    def __init__(self, seconds: float, monotonic: Callable[[], float], begun: float) -> None:
        """`begun` is the present time in seconds since 1970."""
        self._seconds, self._monotonic, self._begun = seconds, monotonic, begun
        self._stopped = threading.Event()
        self._used: dict[int, int] = {}

    def stop(self) -> None:
        """End the profile early."""
        self._stopped.set()

    def run(self) -> Profile:
        """Sample the threads of this process, but for the calling one."""
        begun = self._monotonic()
        nanoseconds: Counter[tuple[Place, ...]] = Counter()
        samples: Counter[tuple[Place, ...]] = Counter()
        self._sample()
        while self._monotonic() - begun < self._seconds and not self._stopped.wait(PERIOD):
            for stack, used in self._sample():
                nanoseconds[stack] += used
                samples[stack] += 1
        return Profile(nanoseconds, samples, int(self._begun * 1e9), int((self._monotonic() - begun) * 1e9))

    def _sample(self) -> list[tuple[tuple[Place, ...], int]]:
        """Return the stacks of the threads that have run since the last time, and for how long."""
        frames, own, found = sys._current_frames(), threading.get_ident(), []
        for thread in threading.enumerate():
            frame = frames.get(thread.ident or 0)
            if thread.ident == own or frame is None or thread.native_id is None:
                continue
            used = cpu_time(thread.native_id)
            before, self._used[thread.native_id] = self._used.get(thread.native_id, used), used
            if used > before:
                found.append((stack_of(frame), used - before))
        return found


def cpu_time(thread: int) -> int:
    """Return the nanoseconds that a thread of this process, by the kernel's number, has run for; 0 when it has ended."""
    try:
        with open(f"/proc/self/task/{thread}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0])
    except OSError:
        return 0


def stack_of(frame: FrameType | None) -> tuple[Place, ...]:
    """Return where a frame and its callers are, the innermost first; very deep stacks lose their outermost frames."""
    places: list[Place] = []
    while frame is not None and len(places) < _DEEPEST:
        code = frame.f_code
        module = frame.f_globals.get("__name__", "")
        places.append(Place(f"{module}.{code.co_qualname}", code.co_filename, code.co_firstlineno, frame.f_lineno or 0))
        frame = frame.f_back
    return tuple(places)


def as_text(profile: Profile) -> str:
    """Return one line a stack, as flame graphs are made from: the frames from the outermost, and the milliseconds spent there."""
    lines = [
        ";".join(place.function for place in reversed(stack)) + f" {max(round(used / 1e6), 1)}"
        for stack, used in sorted(profile.nanoseconds.items(), key=lambda item: -item[1])
    ]
    return "\n".join([*lines, ""])


def as_pprof(profile: Profile) -> bytes:
    """Return a profile as pprof's profile.proto, compressed with gzip."""
    strings: dict[str, int] = {"": 0}
    functions: dict[tuple[str, str, int], int] = {}
    locations: dict[Place, int] = {}

    def text(value: str) -> int:
        return strings.setdefault(value, len(strings))

    def location(place: Place) -> int:
        functions.setdefault(place[:3], len(functions) + 1)
        return locations.setdefault(place, len(locations) + 1)

    parts = [
        _message(1, (1, text("samples")), (2, text("count"))),
        _message(1, (1, text("cpu")), (2, text("nanoseconds"))),
    ]
    for stack, used in profile.nanoseconds.items():
        ids, values = [location(place) for place in stack], (profile.samples[stack], used)
        parts.append(_field(2, _field(1, _packed(ids)) + _field(2, _packed(values))))
    for place, number in locations.items():
        line = _message(4, (1, functions[place[:3]]), (2, place.line))
        parts.append(_field(4, _varint(1 << 3) + _varint(number) + line))
    for (name, file, first), number in functions.items():
        parts.append(_message(5, (1, number), (2, text(name)), (3, text(name)), (4, text(file)), (5, first)))
    kind = _message(11, (1, text("cpu")), (2, text("nanoseconds")))
    parts.extend(_field(6, value.encode()) for value in strings)
    for number, value in ((9, profile.begun), (10, profile.lasted), (12, int(PERIOD * 1e9))):
        parts.append(_varint(number << 3) + _varint(value))
    return gzip.compress(b"".join([*parts, kind]), mtime=0)


def _message(number: int, *fields: tuple[int, int]) -> bytes:
    return _field(number, b"".join(_varint(key << 3) + _varint(value) for key, value in fields))


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _packed(values: Iterable[int]) -> bytes:
    return b"".join(_varint(value) for value in values)


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)
