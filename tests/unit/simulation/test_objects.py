"""What virtual nodes say."""

from datetime import UTC, datetime, timedelta

import pytest

from kubern.simulation import objects, pods

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def pod(phase="Pending", owner=None, **spec):
    owners = [{"kind": owner, "name": "o"}] if owner else []
    spec = {"containers": [{"name": "c", "image": "i"}]} | spec
    return {"metadata": {"name": "p", "ownerReferences": owners}, "spec": spec, "status": {"phase": phase}}


def moved(before, now=NOW):
    status = pods.pod_status(before, "10.128.0.1", "10.64.0.1", now)
    return None if status is None else before | {"status": status}


def test_a_bound_pod_runs_and_stays_so():
    running = moved(pod(initContainers=[{"name": "i", "image": "i"}]))
    assert running["status"]["phase"] == "Running"
    assert {c["type"]: c["status"] for c in running["status"]["conditions"]}["Ready"] == "True"
    assert running["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert moved(running, NOW + timedelta(hours=1)) is None


def test_a_jobs_pod_succeeds_and_stays_so():
    running = moved(pod(owner="Job", restartPolicy="Never"))
    done = moved(running, NOW + timedelta(seconds=1))
    assert done["status"]["phase"] == "Succeeded"
    conditions = {c["type"]: c for c in done["status"]["conditions"]}
    assert (conditions["Ready"]["status"], conditions["Ready"]["reason"]) == ("False", "PodCompleted")
    assert conditions["Initialized"]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert moved(done) is None


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_ended_is_left_alone(phase):
    assert moved(pod(phase)) is None


def test_a_node_keeps_the_time_since_which_it_is_ready():
    first = objects.node_status("n", "10.64.0.1", NOW, {})
    later = objects.node_status("n", "10.64.0.1", NOW + timedelta(minutes=5), first)
    ready = {c["type"]: c for c in later["conditions"]}["Ready"]
    assert ready["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert ready["lastHeartbeatTime"] == "2026-01-01T00:05:00Z"
    assert objects.is_ready({"status": later})
    assert not objects.is_ready({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})
    assert not objects.is_ready(None)
