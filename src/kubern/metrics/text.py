"""Prometheus' text format, as much of it as metrics are made of: names, labels, values, times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LIMIT = 200_000
"""Samples that are taken from one text."""
_MOST, _LAST = 2.0**63, 253402300799.0
"""What a quantity can hold; the end of the year 9999 in seconds since 1970."""
_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+(-?\d{1,18}))?\s*$")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class Sample(NamedTuple):
    """One value; `time` in seconds since the epoch, 0 when the text does not say."""

    name: str
    labels: dict[str, str]
    value: float
    time: float = 0.0


def samples(text: str) -> Iterator[Sample]:
    """Yield the samples of a text; lines that are none are passed over, and so are NaN, Inf and what no quantity or time can be."""
    found = 0
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            continue
        try:
            value = float(match[3])
        except ValueError:
            continue
        time = int(match[4]) / 1000 if match[4] else 0.0
        if not abs(value) < _MOST or not 0 <= time <= _LAST:
            continue
        found += 1
        if found > LIMIT:
            return
        yield Sample(match[1], _labels(match[2] or ""), value, time)


def _labels(text: str) -> dict[str, str]:
    """Return the labels up to the first that is none: one match at a place, so that the time is linear whatever the text."""
    found, at = {}, 0
    while match := _LABEL.match(text, at):
        at = match.end()
        found[match[1]] = re.sub(r"\\.", _unescaped, match[2])
    return found


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], match[0])
