"""Cron schedules: parsed once, asked for the next time. Pure. Source: the CronJob documentation, "Schedule syntax"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {
    name: str(n)
    for n, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_DAYS = {name: str(n) for n, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
MANY = 100
_YEARS = 5
"""A schedule that has no time within so many years (30 February) has none."""


class Schedule(NamedTuple):
    """The minutes, hours, days, months and weekdays (0 is Sunday) that match."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    """Day and weekday are alternatives when both are restricted; this says that one of them is not."""


def parse(text: str) -> Schedule:
    """Parse five fields or a macro. Raises `ValueError` saying what is wrong."""
    fields = _MACROS.get(text.strip(), text).split()
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: {text}")
    minutes = _field(fields[0], 0, 59, {})
    hours = _field(fields[1], 0, 23, {})
    days = _field(fields[2], 1, 31, {})
    months = _field(fields[3], 1, 12, _MONTHS)
    weekdays = frozenset(day % 7 for day in _field(fields[4], 0, 7, _DAYS))
    return Schedule(minutes, hours, days, months, weekdays, fields[2][0] in "*?" or fields[4][0] in "*?")


def _field(text: str, low: int, high: int, names: dict[str, str]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span in ("*", "?"):
            begin, end = low, high
        else:
            begin = _number(names.get(first, first), text)
            end = _number(names.get(last, last), text) if dash else high if step else begin
        pace = _number(step, text) if step else 1
        if not low <= begin <= end <= high or pace < 1:
            raise ValueError(f"{part!r} is not within {low} to {high}")
        found.update(range(begin, end + 1, pace))
    return frozenset(found)


def _number(text: str, whole: str) -> int:
    if not text.isdigit():
        raise ValueError(f"failed to parse int from {text!r} in {whole!r}")
    return int(text)


def zone(name: str | None) -> ZoneInfo:
    """Return a time zone; none means UTC. Raises `ValueError` for an unknown one."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {name}") from error


def next_time(schedule: Schedule, after: datetime, where: ZoneInfo) -> datetime | None:
    """Return the first matching time after `after` (UTC), None when there is none.

    Wall-clock times that a change of the clock skips are left out.
    """
    local = after.astimezone(where).replace(tzinfo=None, second=0, microsecond=0) + timedelta(minutes=1)
    last = local.year + _YEARS
    while local.year <= last:
        if local.month not in schedule.months:
            local = (local.replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1)
        elif not _is_day(schedule, local):
            local = local.replace(hour=0, minute=0) + timedelta(days=1)
        elif local.hour not in schedule.hours:
            local = local.replace(minute=0) + timedelta(hours=1)
        elif local.minute not in schedule.minutes:
            local += timedelta(minutes=1)
        else:
            moment = local.replace(tzinfo=where).astimezone(UTC)
            if moment > after and moment.astimezone(where).replace(tzinfo=None) == local:
                return moment
            local += timedelta(minutes=1)
    return None


def _is_day(schedule: Schedule, local: datetime) -> bool:
    day, weekday = local.day in schedule.days, local.isoweekday() % 7 in schedule.weekdays
    return (day and weekday) if schedule.any_day else (day or weekday)


def last_time(schedule: Schedule, since: datetime, now: datetime, where: ZoneInfo) -> tuple[datetime | None, int]:
    """Return the last matching time after `since` and not after `now`, and how many there are (counted to `MANY` + 1 only)."""
    found, count, moment = None, 0, next_time(schedule, since, where)
    while moment is not None and moment <= now and count <= MANY:
        found, count = moment, count + 1
        moment = next_time(schedule, moment, where)
    if count > MANY:
        # look for the last one from behind, in windows that grow
        for hours in (1, 24, 24 * 7, 24 * 31, 24 * 366):
            moment = next_time(schedule, max(since, now - timedelta(hours=hours)), where)
            if moment is not None and moment <= now:
                break
        while moment is not None and moment <= now:
            found, moment = moment, next_time(schedule, moment, where)
    return found, count
