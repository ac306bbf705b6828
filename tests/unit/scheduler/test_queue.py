"""Which pod is tried when."""

from kubern.scheduler.queue import FLUSH_AFTER, Queue


def pod(name, priority=0, **spec):
    return {"metadata": {"uid": name, "name": name}, "spec": {"priority": priority} | spec}


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
    queue.failed(queue.pop(0), frozenset({"Node/Add"}), 0)
    queue.event("Pod/Delete", 0)
    assert names(queue, 100) == []
    queue.event("Node/Add", 0.5)
    assert queue.next_wake(0.5) == 0.5
    assert names(queue, 0.9) == []
    assert names(queue, 1.0) == ["a"]


def test_the_back_off_doubles_to_ten_seconds():
    queue, now, waits = Queue(), 0.0, []
    queue.add(pod("a"), now, gated=False)
    for _ in range(6):
        queue.failed(queue.pop(now), frozenset(), now)
        queue.event("Node/Add", now)
        waits.append(queue.next_wake(now))
        now += waits[-1]
    assert waits == [1, 2, 4, 8, 10, 10]


def test_an_error_is_tried_again_without_an_event():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), frozenset({"Node/Add"}), 0, error=True)
    assert names(queue, 1) == ["a"]


def test_what_is_parked_too_long_is_woken():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.failed(queue.pop(0), frozenset({"Node/Add"}), 0)
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
    queue.failed(queue.pop(0), frozenset({"Node/Add"}), 0)
    queue.add(pod("a") | {"status": {"phase": "Pending"}}, 5, gated=False)
    assert names(queue, 5) == []
    queue.add(pod("a", nodeSelector={"a": "b"}), 6, gated=False)
    assert names(queue, 6) == ["a"]


def test_a_removed_pod_is_never_tried():
    queue = Queue()
    queue.add(pod("a"), 0, gated=False)
    queue.remove("a")
    assert names(queue, 1) == []
    assert len(queue) == 0
