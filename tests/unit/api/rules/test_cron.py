"""Cron schedules: what they allow and how a bad one is refused."""

from __future__ import annotations

import pytest

from kubern.api.rules.cron import Schedule, parse


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("*/20 * * * *", "minutes", {0, 20, 40}),
        ("5/20 * * * *", "minutes", {5, 25, 45}),
        ("1,2,10-12 * * * *", "minutes", {1, 2, 10, 11, 12}),
        ("0 0-23/6 * * *", "hours", {0, 6, 12, 18}),
        ("0 0 * jan,DEC *", "months", {1, 12}),
        ("0 0 * * mon-fri", "weekdays", {1, 2, 3, 4, 5}),
        ("@weekly", "weekdays", {0}),
        ("@monthly", "days", {1}),
    ],
)
def test_a_field_allows(text: str, field: str, values: set[int]) -> None:
    assert getattr(parse(text), field) == values


@pytest.mark.parametrize(
    ("text", "any_day", "any_weekday"),
    [("0 0 1 * *", False, True), ("0 0 * * 1", True, False), ("0 0 1 * 1", False, False), ("0 0 */2 * ?", True, True)],
)
def test_a_star_frees_the_day(text: str, any_day: bool, any_weekday: bool) -> None:
    schedule = parse(text)
    assert (schedule.any_day, schedule.any_weekday) == (any_day, any_weekday)


@pytest.mark.parametrize(("text", "seconds"), [("@every 90m", 5400), ("@every 1h30m10s", 5410), ("@every 10ms", 1)])
def test_an_interval_is_in_seconds(text: str, seconds: int) -> None:
    assert parse(text) == Schedule(every=float(seconds))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("30-20 * * * *", "beginning of range (30) beyond end of range (20): 30-20"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@often", "unrecognized descriptor: @often"),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
    ],
)
def test_a_bad_schedule_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        parse(text)
    assert str(error.value) == message
