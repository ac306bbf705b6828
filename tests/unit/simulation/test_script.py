"""What annotations script, and when a pod's next move is due."""

from datetime import UTC, datetime, timedelta

import pytest

from kubern.simulation import objects, script

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def pod(policy="Always", **annotations):
    said = {script.PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}
    meta = {"name": "p", "uid": "u1", "annotations": said, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": meta, "spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "i"}]}}


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def moved(before, seconds=0):
    return before | {"status": objects.pod_status(before, "10.128.0.1", "10.64.0.1", after(seconds))}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (0, None, 0)),
        ({"start_after": "2.5", "run_for": "4", "exit_code": "137"}, (2.5, 4, 137)),
        ({"start_after": "-1", "run_for": "1e9", "exit_code": "256"}, (0, None, 0)),
        ({"start_after": "soon", "run_for": "", "exit_code": "\u0664"}, (0, None, 0)),
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
    assert script.due(held, after(1)) == 2
    assert script.due(held, after(3)) == 0
    running = moved(held, 3)
    assert script.due(running, after(4)) == 4
    failed = moved(running, 8)
    assert failed["status"]["phase"] == "Failed"
    assert failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 2
    assert script.due(failed, after(100)) is None


def test_a_container_is_restarted_after_doubling_backoff():
    held, seconds, waits = moved(pod(run_for="1")), 0.0, []
    for count in range(7):
        seconds += 1
        held = moved(held, seconds)
        assert held["status"]["phase"] == "Running"
        state = held["status"]["containerStatuses"][0]
        assert (state["restartCount"], state["state"]["waiting"]["reason"]) == (count, "CrashLoopBackOff")
        waits.append(script.due(held, after(seconds)))
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
    assert script.due(held, NOW) == 0


@pytest.mark.parametrize(("value", "silent"), [("true", True), ("false", False), (None, False)])
def test_a_node_is_silent_when_its_annotation_says_so(value, silent):
    annotations = {} if value is None else {script.SILENT: value}
    assert script.is_silent({"metadata": {"annotations": annotations}}) is silent
