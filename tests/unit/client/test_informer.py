"""Informers over a scripted transport: first list, changes, resuming, listing again, indexes and sharing."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubern.base.clock import FakeClock
from kubern.base.errors import Expired, NotFound, ServiceUnavailable
from kubern.client.client import ApiClient
from kubern.client.contract import GVR
from kubern.client.informer import Informer, Informers, key_of
from tests.unit.client.scripted import Scripted, config_map, listed

MAPS = GVR("", "v1", "configmaps")


@contextlib.asynccontextmanager
async def following(transport: Scripted, clock: FakeClock | None = None) -> AsyncIterator[tuple[Informer, list[Any]]]:
    """Run an informer over the script; yields it and the changes its handler was told of."""
    changes: list[Any] = []
    informers = Informers(ApiClient(transport), clock or FakeClock(), random.Random(1))
    informer = informers.of(MAPS)
    informer.on_change(lambda old, new: changes.append((_version(old), _version(new))))
    async with asyncio.TaskGroup() as group:
        holder = group.create_task(_hold(informers))
        await informer.synced.wait()
        yield informer, changes
        holder.cancel()


async def _hold(informers: Informers) -> None:
    async with asyncio.TaskGroup() as group:
        informers.start(group)


def _version(obj: Any) -> str | None:
    return None if obj is None else obj["metadata"]["resourceVersion"]


async def test_first_list_then_changes() -> None:
    transport = Scripted()
    transport.answers = [listed(5, config_map("a", 1), config_map("b", 2))]
    transport.watches = [
        [("MODIFIED", config_map("a", 6)), ("DELETED", config_map("b", 7)), ("ADDED", config_map("c", 8)), None]
    ]
    async with following(transport) as (informer, changes):
        await transport.watching.wait()
        assert changes == [(None, "1"), (None, "2"), ("1", "6"), ("2", None), (None, "8")]
        assert sorted(informer.known()) == [("ns", "a"), ("ns", "c")]
        assert informer.version == 8
    assert transport.asked[0].query == {"resourceVersion": "0"}
    assert transport.asked[1].query["resourceVersion"] == "5"


async def test_a_watch_that_ends_is_resumed_from_the_last_bookmark() -> None:
    transport = Scripted()
    transport.answers = [listed(5)]
    transport.watches = [[("BOOKMARK", {"metadata": {"resourceVersion": "9"}})], [None]]
    async with following(transport) as (informer, changes):
        await transport.watching.wait()
        assert changes == []
        assert informer.version == 9
    assert [asked.query.get("resourceVersion") for asked in transport.asked] == ["0", "5", "9"]


@pytest.mark.parametrize("how", ["refused", "event"])
async def test_what_is_too_old_is_listed_again_from_the_newest(how: str) -> None:
    transport = Scripted()
    transport.answers = [listed(5, config_map("a", 1), config_map("b", 2)), listed(9, config_map("a", 8))]
    error = Expired("too old")
    transport.watches = [[error if how == "refused" else ("ERROR", error.status())], [None]]
    async with following(transport) as (_, changes):
        await transport.watching.wait()
        assert changes == [(None, "1"), (None, "2"), ("2", None), ("1", "8")]
    assert "resourceVersion" not in transport.asked[2].query


async def test_an_object_made_anew_between_lists_is_a_deletion_and_an_addition() -> None:
    transport = Scripted()
    again = config_map("a", 8)
    again["metadata"]["uid"] = "another"
    transport.answers = [listed(5, config_map("a", 1)), listed(9, again)]
    transport.watches = [[Expired("too old")], [None]]
    async with following(transport) as (_, changes):
        await transport.watching.wait()
        assert changes == [(None, "1"), ("1", None), (None, "8")]


async def test_failures_back_off_and_then_go_on() -> None:
    transport, clock = Scripted(), FakeClock()
    transport.answers = [ServiceUnavailable("away"), ServiceUnavailable("away"), listed(5, config_map("a", 1))]
    informers = Informers(ApiClient(transport), clock, random.Random(1))
    informer = informers.of(MAPS)
    task = asyncio.create_task(_hold(informers))
    await clock.advance(0.05)
    assert len(transport.asked) == 1
    await clock.advance(2.0)
    assert informer.synced.is_set()
    assert informer.get("ns", "a") is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_a_server_does_not_serve_is_none_until_it_does() -> None:
    transport, clock = Scripted(), FakeClock()
    transport.answers = [NotFound("404 page not found"), listed(5, config_map("a", 1))]
    informers = Informers(ApiClient(transport), clock, random.Random(1))
    informer = informers.of(MAPS)
    task = asyncio.create_task(_hold(informers))
    await clock.advance(0.05)
    assert informer.synced.is_set()
    assert not len(informer)
    await clock.advance(2.0)
    assert informer.get("ns", "a") is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_watches_that_end_at_once_do_not_spin() -> None:
    transport, clock = Scripted(), FakeClock()
    transport.answers = [listed(5)]
    transport.watches = [[] for _ in range(100)]
    async with following(transport, clock):
        await clock.advance(0)
        assert len(transport.asked) == 2
        await clock.advance(10.0)
        assert 3 <= len(transport.asked) <= 10


async def test_a_handler_that_fails_hurts_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    informer, seen = Informer(), []

    def bad(old: Any, new: Any) -> None:
        raise RuntimeError("boom")

    informer.on_change(bad)
    informer.on_change(lambda old, new: seen.append(new))
    informer.put(("ns", "a"), config_map("a", 1))
    assert len(seen) == 1
    assert "a handler failed" in caplog.text


def test_indexes_follow_changes() -> None:
    informer = Informer()
    informer.put(("ns", "a"), config_map("a", 1, color="red"))
    informer.add_index("color", lambda obj: obj["data"].values())
    informer.put(("ns", "b"), config_map("b", 2, color="red"))
    assert [key_of(obj) for obj in informer.by_index("color", "red")] == [("ns", "a"), ("ns", "b")]
    informer.put(("ns", "a"), config_map("a", 3, color="blue"))
    informer.put(("ns", "b"), None)
    assert informer.by_index("color", "red") == []
    assert [key_of(obj) for obj in informer.by_index("color", "blue")] == [("ns", "a")]
    assert [key_of(obj) for obj in informer.list("ns")] == [("ns", "a")]
    assert informer.list("other") == []


async def test_one_watch_serves_everybody_who_asks_for_the_same_scope() -> None:
    informers = Informers(ApiClient(Scripted()), FakeClock())
    assert informers.of(MAPS) is informers.of(MAPS)
    assert informers.of(MAPS) is not informers.of(MAPS, field_selector="metadata.name=a")
    assert informers.of(MAPS, metadata_only=True) is informers.of(MAPS)


async def test_a_dropped_resource_leaves_as_if_deleted() -> None:
    transport = Scripted()
    transport.answers = [listed(5, config_map("a", 1))]
    informers, gone = Informers(ApiClient(transport), FakeClock()), []
    informer = informers.of(MAPS)
    informer.on_change(lambda old, new: gone.append(old) if new is None else None)
    task = asyncio.create_task(_hold(informers))
    await informer.synced.wait()
    informers.drop(MAPS)
    assert [key_of(obj) for obj in gone] == [("ns", "a")]
    # its own task was cancelled, which ends the group of this test's holder too
    await asyncio.wait([task], timeout=5)
