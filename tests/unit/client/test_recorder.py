"""The event recorder: what it sends, how it counts, and that it never hurts."""

from __future__ import annotations

import asyncio
import tracemalloc

from kubern.base.clock import FakeClock
from kubern.base.errors import Forbidden, NotFound, ServiceUnavailable
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.client.event_counts import LIMITED, LOST, SENT, EventCounts
from kubern.client.events import MAX_WAITING, NORMAL, EventRecorder
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


async def test_ten_thousand_pods_at_once_lose_no_event() -> None:
    transport, counts = Scripted(), EventCounts()
    recorder = EventRecorder(ApiClient(transport), "test", FakeClock(), counts=counts)
    transport.answers = [{}] * 10_000
    for number in range(10_000):
        recorder.event(pod(number), NORMAL, "Scheduled", f"Successfully assigned ns/web-{number} to n1")
    await recorder.flush()
    assert len({asked.body["metadata"]["name"] for asked in transport.asked}) == 10_000
    assert outcomes(counts) == {SENT: 10_000}


async def test_what_waits_is_bounded_and_the_oldest_that_is_lost_is_counted() -> None:
    transport, counts = Scripted(), EventCounts()
    recorder = EventRecorder(ApiClient(transport), "test", FakeClock(), counts=counts)
    transport.answers = [{}] * MAX_WAITING
    for number in range(MAX_WAITING + 3):
        recorder.event(pod(number), NORMAL, "Scheduled", "it is")
    await recorder.flush()
    assert transport.asked[0].body["involvedObject"]["name"] == "web-3"
    assert outcomes(counts) == {LOST: 3, SENT: MAX_WAITING}


def test_what_waits_is_small() -> None:
    recorder = EventRecorder(ApiClient(Scripted()), "test", FakeClock())
    pods = [pod(number) for number in range(2000)]
    tracemalloc.start()
    for one in pods:
        recorder.event(one, NORMAL, "Scheduled", "it is")
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held / len(pods) < 1500


async def test_a_server_that_is_away_is_asked_again_and_given_up_in_the_end() -> None:
    transport, clock, counts = Scripted(), FakeClock(), EventCounts()
    recorder = EventRecorder(ApiClient(transport), "test", clock, counts=counts)
    away = ServiceUnavailable("away")
    transport.answers = [away, {}, *[away] * 12, {}]
    for name in range(3):
        recorder.event(pod(name), NORMAL, "Scheduled", "it is")
    task = asyncio.ensure_future(recorder.run())
    for _ in range(14):
        await clock.advance(10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [asked.body["involvedObject"]["name"] for asked in transport.asked] == [
        *["web-0"] * 2, *["web-1"] * 12, "web-2",
    ]  # fmt: skip
    assert outcomes(counts) == {SENT: 2, LOST: 1}


async def test_containers_share_what_their_pod_has_left_and_have_events_of_their_own() -> None:
    transport, counts = Scripted(), EventCounts()
    recorder = EventRecorder(ApiClient(transport), "test", FakeClock(), counts=counts)
    transport.answers = [{}] * 25
    for number in range(30):
        recorder.event(POD, NORMAL, "Pulled", "it is there", field_path=f"spec.containers{{c{number}}}")
    await recorder.flush()
    assert [asked.method for asked in transport.asked] == ["POST"] * 25
    assert transport.asked[7].body["involvedObject"]["fieldPath"] == "spec.containers{c7}"
    assert outcomes(counts) == {SENT: 25, LIMITED: 5}


def pod(number: int) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"web-{number}", "namespace": "ns", "uid": f"{number}"},
    }


def outcomes(counts: EventCounts) -> dict[str, float]:
    """What became of the Events of the component `test`, as its metric shows it."""
    [family] = counts.families()
    assert (family.name, family.labels) == ("kubern_events_total", ("component", "outcome"))
    return {outcome: times for (_, outcome), times in family.series.items() if isinstance(times, int)}
