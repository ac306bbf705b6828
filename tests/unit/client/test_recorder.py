"""The event recorder: what it sends, how it counts, and that it never hurts."""

from __future__ import annotations

import asyncio

from kubern.base.clock import FakeClock
from kubern.base.errors import Forbidden, NotFound
from kubern.client.client import ApiClient
from kubern.client.events import NORMAL, EventRecorder
from tests.unit.client.scripted import Scripted

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "ns", "uid": "u"}}


async def _sent(transport: Scripted, recorder: EventRecorder) -> None:
    task = asyncio.ensure_future(recorder.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not transport.answers
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_same_event_again_raises_the_count() -> None:
    transport = Scripted()
    recorder = EventRecorder(ApiClient(transport), "test", FakeClock())
    transport.answers = [{}, {}, {}]
    recorder.event(POD, NORMAL, "Done", "it is done")
    recorder.event(POD, NORMAL, "Done", "it is done")
    recorder.event(POD, NORMAL, "Done", "something else")
    await _sent(transport, recorder)
    first, second, third = transport.asked
    assert first.method == "POST"
    assert first.body["involvedObject"] == {
        "apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": "ns", "uid": "u",
    }  # fmt: skip
    assert (first.body["source"], first.body["count"]) == ({"component": "test"}, 1)
    assert (second.method, second.body["count"]) == ("PATCH", 2)
    assert second.path.endswith(first.body["metadata"]["name"])
    assert third.method == "POST"


async def test_an_event_that_expired_is_made_anew() -> None:
    transport = Scripted()
    recorder = EventRecorder(ApiClient(transport), "test", FakeClock())
    transport.answers = [{}, NotFound("gone"), {}]
    recorder.event(POD, NORMAL, "Done", "it is done")
    recorder.event(POD, NORMAL, "Done", "it is done")
    await _sent(transport, recorder)
    assert [asked.method for asked in transport.asked] == ["POST", "PATCH", "POST"]
    assert transport.asked[2].body["count"] == 1


async def test_refusals_are_swallowed_and_the_next_is_sent() -> None:
    transport = Scripted()
    recorder = EventRecorder(ApiClient(transport), "test", FakeClock())
    transport.answers = [Forbidden("terminating"), {}]
    recorder.event(POD, NORMAL, "One", "x")
    recorder.event(POD, NORMAL, "Two", "x" * 2000)
    await _sent(transport, recorder)
    assert len(transport.asked[1].body["message"]) == 1024
