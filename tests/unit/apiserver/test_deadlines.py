"""Requests that take too long, watched together."""

from __future__ import annotations

import asyncio

import pytest

from kubern.apiserver.deadlines import Deadlines, Expired


async def _slow(ended: list[str]) -> str:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        ended.append("cancelled")
        raise
    return ""


async def _stubborn() -> str:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "all the same"
    return ""


async def _quick() -> str:
    await asyncio.sleep(0)
    return "done"


async def test_what_is_in_time_is_answered_and_forgotten() -> None:
    deadlines = Deadlines()
    assert await deadlines.within(60, _quick()) == "done"
    assert not deadlines._due


async def test_what_takes_too_long_is_cancelled_and_its_task_goes_on() -> None:
    deadlines, ended = Deadlines(), list[str]()
    with pytest.raises(Expired):
        await deadlines.within(0, _slow(ended))
    assert ended == ["cancelled"]
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    assert await deadlines.within(60, _quick()) == "done"


async def test_one_that_answers_although_cancelled_leaves_no_cancellation_behind() -> None:
    assert await Deadlines().within(0, _stubborn()) == "all the same"
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_the_inner_of_two_requests_of_one_task_ends_alone() -> None:
    deadlines, ended = Deadlines(), list[str]()

    async def outer() -> str:
        with pytest.raises(Expired):
            await deadlines.within(0, _slow(ended))
        return "went on"

    assert await deadlines.within(60, outer()) == "went on"


async def test_a_caller_that_is_cancelled_is_not_told_of_a_deadline() -> None:
    deadlines, ended = Deadlines(), list[str]()
    task = asyncio.ensure_future(deadlines.within(60, _slow(ended)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]
    assert not deadlines._due


async def test_what_fails_says_so() -> None:
    async def fail() -> str:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await Deadlines().within(60, fail())
