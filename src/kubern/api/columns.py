"""How times look in a table: `ago` is upstream's short form of a duration, `age_of` the AGE column's cell."""

from __future__ import annotations

from datetime import datetime, timedelta

from kubern.base.clock import parse_time
from kubern.base.json import Obj

UNKNOWN = "<unknown>"


def human(duration: timedelta) -> str:
    """Return a duration in at most two units, the finer one only where it still tells something: 5m10s, 3h, 2d4h, 3y20d."""
    seconds = int(duration.total_seconds())
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    if seconds < 120:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if hours < 24 * 365 * 2:
        return f"{days}d"
    years = hours // 24 // 365
    if hours < 24 * 365 * 8:
        return _two(years, "y", days % 365, "d")
    return f"{years}y"


def ago(time: str | None, now: datetime) -> str:
    """Return how long ago an RFC 3339 time was; `<unknown>` for none."""
    if not time:
        return UNKNOWN
    try:
        return human(now - parse_time(time))
    except ValueError:
        return UNKNOWN


def age_of(obj: Obj, now: datetime) -> str:
    """Return an object's age."""
    return ago(obj["metadata"].get("creationTimestamp"), now)


def _two(first: int, unit: str, second: int, finer: str) -> str:
    return f"{first}{unit}{second}{finer}" if second else f"{first}{unit}"
