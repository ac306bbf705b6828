"""Cron schedules of five fields, as CronJob takes them: parsing with the error texts that the API shows.

Called by CronJob's checks and by whoever computes its next run. A schedule is five sets of allowed values, or a fixed interval
(`@every 1h30m`). Source: the crontab format as documented for CronJob, with `@daily` and its like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_MONTHS = {
    name: i
    for i, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_DAYS = {name: i for i, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class Schedule(NamedTuple):
    """The values at which a schedule fires. A day matches when both day fields do, or either, when neither is a `*`."""

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    """0 is Sunday."""
    any_day: bool = True
    any_weekday: bool = True
    every: float = 0.0
    """Seconds between runs, for `@every`; the sets are empty then."""


class _Bounds(NamedTuple):
    low: int
    high: int
    names: Mapping[str, int] = {}


_BOUNDS = (_Bounds(0, 59), _Bounds(0, 23), _Bounds(1, 31), _Bounds(1, 12, _MONTHS), _Bounds(0, 6, _DAYS))


def parse(text: str) -> Schedule:
    """Return the schedule that `text` describes. Raises `ValueError` with the message that the API shows."""
    if not text:
        raise ValueError("empty spec string")
    if text.startswith("@"):
        return _parse_descriptor(text)
    found = text.split()
    if len(found) != len(_BOUNDS):
        raise ValueError(f"expected exactly 5 fields, found {len(found)}: [{' '.join(found)}]")
    minutes, hours, days, months, weekdays = (_parse_field(f, b) for f, b in zip(found, _BOUNDS, strict=True))
    return Schedule(minutes, hours, days, months, weekdays, _is_any(found[2]), _is_any(found[4]))


def _parse_descriptor(text: str) -> Schedule:
    if text in _NAMED:
        return parse(_NAMED[text])
    if text.startswith("@every "):
        return Schedule(every=_parse_duration(text))
    raise ValueError(f"unrecognized descriptor: {text}")


def _parse_duration(text: str) -> float:
    duration = text.removeprefix("@every ")
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f'failed to parse duration {text}: time: invalid duration "{duration}"')
    return max(1.0, float(int(sum(float(number) * _UNITS[unit] for number, unit in parts))))


def _is_any(field: str) -> bool:
    return any(part[0] in "*?" for part in field.split(",") if part)


def _parse_field(field: str, bounds: _Bounds) -> frozenset[int]:
    return frozenset(value for part in field.split(",") if part for value in _parse_range(part, bounds))


def _parse_range(text: str, bounds: _Bounds) -> range:
    span, *steps = text.split("/")
    if len(steps) > 1:
        raise ValueError(f"too many slashes: {text}")
    low, *ends = span.split("-")
    if low in ("*", "?"):
        start, end = bounds.low, bounds.high
    elif len(ends) > 1:
        raise ValueError(f"too many hyphens: {text}")
    else:
        start = _parse_value(low, bounds)
        end = _parse_value(ends[0], bounds) if ends else start
        if steps and not ends:  # `5/10` means from 5 to the end
            end = bounds.high
    return _checked_range(start, end, _parse_number(steps[0]) if steps else 1, bounds, text)


def _checked_range(start: int, end: int, step: int, bounds: _Bounds, text: str) -> range:
    if start < bounds.low:
        raise ValueError(f"beginning of range ({start}) below minimum ({bounds.low}): {text}")
    if end > bounds.high:
        raise ValueError(f"end of range ({end}) above maximum ({bounds.high}): {text}")
    if start > end:
        raise ValueError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise ValueError(f"step of range should be a positive number: {text}")
    return range(start, end + 1, step)


def _parse_value(text: str, bounds: _Bounds) -> int:
    name = bounds.names.get(text.lower())
    return _parse_number(text) if name is None else name


def _parse_number(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) < 0:
        raise ValueError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
