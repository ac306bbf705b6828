"""What timestamps and durations are asked for: years, hours, milliseconds, in UTC or a given time zone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.instants import civil
from kubern.api.cel.library import Function, Library, overloads
from kubern.api.cel.values import Duration, Timestamp

_OFFSET = re.compile(r"([+-]?)([0-9]{1,2}):([0-9]{2})", re.ASCII)
_SECOND = 10**9

_PARTS: dict[str, Callable[[datetime, int], int]] = {
    "getFullYear": lambda at, ns: at.year,
    "getMonth": lambda at, ns: at.month - 1,
    "getDayOfYear": lambda at, ns: at.timetuple().tm_yday - 1,
    "getDayOfMonth": lambda at, ns: at.day - 1,
    "getDate": lambda at, ns: at.day,
    "getDayOfWeek": lambda at, ns: at.isoweekday() % 7,
    "getHours": lambda at, ns: at.hour,
    "getMinutes": lambda at, ns: at.minute,
    "getSeconds": lambda at, ns: at.second,
    "getMilliseconds": lambda at, ns: ns // 10**6,
}


def _zone(name: str) -> tzinfo:
    offset = _OFFSET.fullmatch(name)
    if offset:
        minutes = int(offset.group(2)) * 60 + int(offset.group(3))
        return timezone(timedelta(minutes=-minutes if offset.group(1) == "-" else minutes))
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CelEvaluationError(f"unknown time zone {name}") from error


def _part(read: Callable[[datetime, int], int]) -> Function:
    def run(value: Timestamp, zone: str = "") -> int:
        seconds, ns = divmod(value.ns, _SECOND)
        moment = civil(seconds)
        try:
            return read(moment.astimezone(_zone(zone)) if zone else moment, ns)
        except (OverflowError, ValueError) as error:
            raise CelEvaluationError("timestamp overflow") from error

    return run


def _whole(unit: int) -> Function:
    def run(value: Duration) -> int:
        whole = abs(value.ns) // unit
        return whole if value.ns >= 0 else -whole

    return run


_TABLE: dict[str, Function] = {
    **{f"timestamp.{name}(): int": _part(read) for name, read in _PARTS.items()},
    **{f"timestamp.{name}(string): int": _part(read) for name, read in _PARTS.items()},
    "duration.getHours(): int": _whole(3600 * _SECOND),
    "duration.getMinutes(): int": _whole(60 * _SECOND),
    "duration.getSeconds(): int": _whole(_SECOND),
    "duration.getMilliseconds(): int": _whole(10**6),
}

LIBRARY = Library("time", overloads(_TABLE))
