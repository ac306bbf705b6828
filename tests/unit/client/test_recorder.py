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


async def test_similar_events_are_combined_and_many_fall_silent() -> None:
    """A ReplicaSet that makes 100 pods: nine Events of their own, one combined that counts, 25 writes in all."""
    transport, clock = Scripted(), FakeClock()
    recorder = EventRecorder(ApiClient(transport), "test", clock)
    transport.answers = [{}] * 25
    for number in range(100):
        recorder.event(POD, NORMAL, "SuccessfulCreate", f"Created pod: web-{number}")
    await recorder.flush()
    assert [asked.method for asked in transport.asked] == ["POST"] * 10 + ["PATCH"] * 15
    assert transport.asked[9].body["message"] == "(combined from similar events): Created pod: web-9"
    last = transport.asked[-1].body
    assert (last["count"], last["message"]) == (16, "(combined from similar events): Created pod: web-24")
    await clock.advance(300)
    transport.answers = [{}]
    recorder.event(POD, NORMAL, "Done", "it is done")
    recorder.event(POD, NORMAL, "Done", "again")
    await recorder.flush()
    assert [asked.body["message"] for asked in transport.asked[25:]] == ["it is done"]
    other = {**POD, "metadata": {**POD["metadata"], "uid": "another"}}
    transport.answers = [{}]
    recorder.event(other, NORMAL, "Done", "it is done")
    await recorder.flush()
    assert len(transport.asked) == 27


async def test_similar_events_that_are_old_are_forgotten() -> None:
    transport, clock = Scripted(), FakeClock()
    recorder = EventRecorder(ApiClient(transport), "test", clock)
    transport.answers = [{}] * 12
    for number in range(12):
        recorder.event(POD, NORMAL, "Pulled", f"image {number}")
        await recorder.flush()
        await clock.advance(601)
    assert [asked.method for asked in transport.asked] == ["POST"] * 12
    assert not any("combined" in asked.body["message"] for asked in transport.asked)
