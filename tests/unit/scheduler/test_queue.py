"""Which pod is tried when."""

from kubern.scheduler.framework import Event, Plugin
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.queue import CLAIM_FLUSH_AFTER, FLUSH_AFTER, Queue

NEEDS_NODE = (Plugin("needs a node", events=frozenset({"Node/Add"})),)


def pod(name, priority=0, **spec):
    return PodInfo({"metadata": {"uid": name, "name": name}, "spec": {"priority": priority} | spec})


def names(queue, now):
    found = []
    while waiting := queue.pop(now):
        found.append(waiting.pod["metadata"]["name"])
    return found


def test_higher_priority_first_then_longest_waiting():
    queue = Queue()
    for at, (name, priority) in enumerate([("a", 0), ("b", 10), ("c", 0), ("d", 10)]):
        queue.add(pod(name, priority), at, gated=False)
    assert names(queue, 10) == ["b", "d", "a", "c"]


def test_a_refused_pod_waits_for_an_event_that_matters_and_its_back_off():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), NEEDS_NODE, 0)
    queue.event(Event("Pod/Delete"), 0)
    assert names(queue, 100) == []
    queue.event(Event("Node/Add"), 0.5)
    assert queue.next_wake(0.5) == 0.5
    assert names(queue, 0.9) == []
    assert names(queue, 1.0) == ["a"]


def test_the_back_off_doubles_to_ten_seconds():
    queue, now, waits = Queue(), 0.0, []
    queue.add(pod("a"), now, gated=False)
    for _ in range(6):
        queue.failed(queue.pop(now), (), now)
        queue.event(Event("Node/Add"), now)
        waits.append(queue.next_wake(now))
        now += waits[-1]
    assert waits == [1, 2, 4, 8, 10, 10]


def test_an_error_is_tried_again_without_an_event():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), NEEDS_NODE, 0, error=True)
    assert names(queue, 1) == ["a"]


def test_what_is_parked_too_long_is_woken():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), NEEDS_NODE, 0)
    queue.flush(FLUSH_AFTER - 1)
    assert names(queue, FLUSH_AFTER - 1) == []
    queue.flush(FLUSH_AFTER)
    assert names(queue, FLUSH_AFTER) == ["a"]


def test_a_gated_pod_is_not_tried_until_its_gates_are_gone():
    queue = Queue()
    queue.add(pod("a", schedulingGates=[{"name": "x"}]), 0, gated=True)
    assert names(queue, 1) == []
    queue.add(pod("a"), 2, gated=False)
    assert names(queue, 2) == ["a"]


def test_a_changed_spec_wakes_a_parked_pod_and_a_changed_status_does_not():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), NEEDS_NODE, 0)
    queue.add(PodInfo(pod("a").pod | {"status": {"phase": "Pending"}}), 5, gated=False)
    assert names(queue, 5) == []
    queue.add(pod("a", nodeSelector={"a": "b"}), 6, gated=False)
    assert names(queue, 6) == ["a"]


def test_a_removed_pod_is_never_tried():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.remove("a")
    assert names(queue, 1) == []
    assert len(queue) == 0


def test_a_hint_looks_closer_at_an_event():
    roomy = Plugin("picky", events=frozenset({"Node/Add"}), hint=lambda info, event: event.after["cpu"] > 1)
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), (roomy,), 0)
    queue.event(Event("Node/Add", None, {"cpu": 1}), 5)
    assert names(queue, 5) == []
    queue.event(Event("Node/Add", None, {"cpu": 2}), 6)
    assert names(queue, 6) == ["a"]


def test_a_plugin_that_names_no_events_is_asked_after_each():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), (*NEEDS_NODE, Plugin("from outside")), 0)
    queue.event(Event("Pod/Delete"), 5)
    assert names(queue, 5) == ["a"]


def test_a_pod_with_a_claim_waits_for_its_own_victims():
    needs_room = (Plugin("needs room", events=frozenset({"Pod/Delete"})),)

    def gone(node):
        return Event("Pod/Delete", {"metadata": {"name": "x"}, "spec": {"nodeName": node}})

    queue = Queue()
    for name in ("claims", "hopes"):
        queue.add(pod(name), 0, gated=False)
        queue.failed(queue.pop(0), needs_room, 0, claim="n" if name == "claims" else "")
    queue.event(gone("m"), 5)
    assert names(queue, 5) == ["hopes"]
    queue.event(gone("n"), 6)
    assert names(queue, 6) == ["claims"]


def test_a_pod_whose_victims_do_not_leave_looks_around_again():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), NEEDS_NODE, 0, claim="n")
    queue.flush(CLAIM_FLUSH_AFTER)
    assert names(queue, CLAIM_FLUSH_AFTER) == ["a"]


def test_a_hint_that_fails_wakes_the_pod():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), (Plugin("bad", events=frozenset({"Node/Add"}), hint=lambda *_: 1 / 0 > 0),), 0)
    queue.event(Event("Node/Add"), 5)
    assert names(queue, 5) == ["a"]


def test_what_happens_while_a_pod_is_decided_about_counts():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    waiting = queue.pop(0)
    queue.event(Event("Node/Add"), 0)
    queue.failed(waiting, NEEDS_NODE, 0)
    assert names(queue, 1) == ["a"]


def test_many_that_cannot_be_placed_do_not_hold_up_the_next():
    queue = Queue()
    for number in range(100):
        queue.add(pod(f"big-{number}", 1000), 0, gated=False)
        queue.failed(queue.pop(0), NEEDS_NODE, 0)
    queue.add(pod("small"), 1, gated=False)
    assert names(queue, 100) == ["small"]
