"""What annotations script, and when a pod's next move is due."""

from datetime import UTC, datetime, timedelta

import pytest

from kubern.simulation import pods, script

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def pod(policy="Always", **annotations):
    said = {script.PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}
    meta = {"name": "p", "uid": "u1", "annotations": said, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": meta, "spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "i"}]}}


def due(held, now):
    move = script.next_move(held, now)
    return None if move is None else move.left


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def moved(before, seconds=0):
    return before | {"status": pods.pod_status(before, "10.128.0.1", "10.64.0.1", after(seconds))}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (0, None, 0, 0, 0, "")),
        (
            {
                "start_after": "2.5",
                "run_for": "4",
                "exit_code": "137",
                "ready_after": "3",
                "stop_after": "5",
                "waiting": "ErrImagePull",
            },
            (2.5, 4, 137, 3, 5, "ErrImagePull"),
        ),
        ({"start_after": "-1", "run_for": "1e9", "exit_code": "256"}, (0, None, 0, 0, 0, "")),
        ({"start_after": "soon", "run_for": "", "exit_code": "\u0664", "waiting": "a b"}, (0, None, 0, 0, 0, "")),
    ],
    ids=["nothing", "all", "out of range", "unreadable"],
)
def test_annotations_are_read(said, expected):
    assert script.script_of(pod(**said)) == expected


def test_a_span_is_spread_over_pods_and_fixed_for_each():
    def wait(uid):
        made = pod(start_after="1..4")
        made["metadata"]["uid"] = uid
        return script.script_of(made).start_after

    waits = [wait(str(number)) for number in range(50)]
    assert waits == [wait(str(number)) for number in range(50)]
    assert all(1 <= each < 4 for each in waits)
    assert max(waits) - min(waits) > 2


def test_a_pod_starts_and_ends_when_it_is_due():
    held = pod("Never", start_after="3", run_for="5", exit_code="2")
    assert due(held, after(1)) == 2
    assert due(held, after(3)) == 0
    running = moved(held, 3)
    assert due(running, after(4)) == 4
    failed = moved(running, 8)
    assert failed["status"]["phase"] == "Failed"
    assert failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 2
    assert due(failed, after(100)) is None


def test_a_container_is_restarted_after_doubling_backoff():
    held, seconds, waits = moved(pod(run_for="1")), 0.0, []
    for count in range(7):
        seconds += 1
        held = moved(held, seconds)
        assert held["status"]["phase"] == "Running"
        state = held["status"]["containerStatuses"][0]
        assert (state["restartCount"], state["state"]["waiting"]["reason"]) == (count, "CrashLoopBackOff")
        waits.append(due(held, after(seconds)))
        seconds += waits[-1]
        held = moved(held, seconds)
        assert held["status"]["containerStatuses"][0]["restartCount"] == count + 1
        assert held["status"]["containerStatuses"][0]["ready"]
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_on_failure_ends_with_success():
    assert moved(moved(pod("OnFailure", run_for="1")), 1)["status"]["phase"] == "Succeeded"
    failing = moved(moved(pod("OnFailure", run_for="1", exit_code="1")), 1)
    assert failing["status"]["phase"] == "Running"


def test_a_deleted_pod_is_due_at_once():
    held = pod(start_after="100")
    held["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert due(held, NOW) == 0


@pytest.mark.parametrize(("value", "silent"), [("true", True), ("false", False), (None, False)])
def test_a_node_is_silent_when_its_annotation_says_so(value, silent):
    annotations = {} if value is None else {script.SILENT: value}
    assert script.is_silent({"metadata": {"annotations": annotations}}) is silent


def test_a_container_is_ready_after_its_start():
    started = moved(pod(ready_after="5"), 1)
    assert started["status"]["phase"] == "Running"
    assert not script.is_ready(started)
    assert not started["status"]["containerStatuses"][0]["ready"]
    assert due(started, after(2)) == 4
    ready = moved(started, 6)
    assert script.is_ready(ready)
    state = ready["status"]["containerStatuses"][0]
    assert (state["state"]["running"]["startedAt"], state["restartCount"]) == ("2026-01-01T00:00:01Z", 0)
    assert due(ready, after(100)) is None


def test_a_pod_that_others_called_not_ready_says_that_it_is():
    held = moved(pod())
    for condition in held["status"]["conditions"]:
        if condition["type"] == "Ready":
            condition["status"] = "False"
    assert due(held, after(1)) == 0
    assert script.is_ready(moved(held, 1))


def test_a_pod_waits_for_its_readiness_gates_and_keeps_others_conditions():
    gated = pod()
    gated["spec"]["readinessGates"] = [{"conditionType": "example.org/up"}]
    held = moved(gated)
    assert not script.is_ready(held)
    assert due(held, after(9)) is None
    held["status"]["conditions"].append({"type": "example.org/up", "status": "True"})
    held = moved(held, 9)
    assert script.is_ready(held)
    assert held["status"]["conditions"][-1] == {"type": "example.org/up", "status": "True"}


def test_containers_wait_as_long_as_the_script_says_so():
    stuck = moved(pod(waiting="ImagePullBackOff"))
    assert stuck["status"]["phase"] == "Pending"
    assert stuck["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "ImagePullBackOff"}}
    assert due(stuck, after(9)) is None
    mended = moved(stuck | {"metadata": pod()["metadata"]}, 9)
    assert (mended["status"]["phase"], mended["status"]["containerStatuses"][0]["restartCount"]) == ("Running", 0)


@pytest.mark.parametrize(
    ("said", "seconds", "left"), [("5", 0, 5), ("5", 3, 2), ("5", 9, 0), ("90", 0, 30), ("", 0, 0)]
)
def test_a_deleted_pod_takes_its_time_but_no_more_than_its_grace(said, seconds, left):
    held = moved(pod(stop_after=said))
    held["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}
    assert script.next_move(held, after(seconds)) == ("gone", left)
