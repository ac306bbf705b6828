"""Timestamps and durations as text, by the rules of Go (`time.ParseDuration`, RFC 3339 with nanoseconds)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.values import Duration, Timestamp

_SECOND = 10**9
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_PART = re.compile(r"([0-9]{0,30})(?:\.([0-9]{0,30}))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DAY, _TIME = r"([0-9]{4})-([0-9]{2})-([0-9]{2})", r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,30}))?"
_RFC3339 = re.compile(rf"{_DAY}[Tt]{_TIME}(?:[Zz]|([+-])([0-9]{{2}}):([0-9]{{2}}))", re.ASCII)


def parse_duration(text: str) -> Duration:
    """Read `1h30m`, `-1.5s`, `0`. Raises `CelEvaluationError`."""
    rest, sign = (text[1:], -1 if text[0] == "-" else 1) if text[:1] in ("-", "+") else (text, 1)
    total, at = Fraction(0), 0
    while at < len(rest) and rest != "0":
        part = _PART.match(rest, at)
        if not part or not (part.group(1) or part.group(2)):
            raise CelEvaluationError(f'time: invalid duration "{text}"')
        whole, decimals = part.group(1) or "0", part.group(2) or ""
        total += Fraction(int(whole + decimals), 10 ** len(decimals)) * _UNITS[part.group(3)]
        at = part.end()
    if not rest:
        raise CelEvaluationError(f'time: invalid duration "{text}"')
    return Duration(sign * int(total))


def write_duration(value: Duration) -> str:
    """Write a duration in seconds: `5400s`, `-1.5s`."""
    sign, ns = "-" if value.ns < 0 else "", abs(value.ns)
    fraction = f".{ns % _SECOND:09d}".rstrip("0").rstrip(".")
    return f"{sign}{ns // _SECOND}{fraction}s"


def parse_timestamp(text: str) -> Timestamp:
    """Read a time of RFC 3339. Raises `CelEvaluationError`."""
    match = _RFC3339.fullmatch(text)
    try:
        if not match:
            raise ValueError(text)
        year, month, day, hour, minute, second = (int(match.group(i)) for i in range(1, 7))
        seconds = (datetime(year, month, day, hour, minute, second, tzinfo=UTC) - _EPOCH).total_seconds()
    except ValueError as error:
        raise CelEvaluationError(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse') from error
    offset = (int(match.group(9)) * 3600 + int(match.group(10)) * 60) if match.group(8) else 0
    offset = -offset if match.group(8) == "-" else offset
    return Timestamp((int(seconds) - offset) * _SECOND + int((match.group(7) or "").ljust(9, "0")[:9]))


def write_timestamp(value: Timestamp) -> str:
    """Write a time of RFC 3339 in UTC, with as many decimals as it has."""
    seconds, ns = divmod(value.ns, _SECOND)
    fraction = f".{ns:09d}".rstrip("0").rstrip(".")
    moment = civil(seconds)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}{fraction}Z"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def civil(seconds: int) -> datetime:
    """Return the moment so many seconds after 1970, in UTC."""
    return datetime.fromordinal(_EPOCH.toordinal() + seconds // 86400).replace(
        hour=seconds % 86400 // 3600, minute=seconds % 3600 // 60, second=seconds % 60, tzinfo=UTC
    )
