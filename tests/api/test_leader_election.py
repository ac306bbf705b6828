"""Two schedulers and two controller managers on one apiserver: one of each works, and the other takes over when it is killed."""

import itertools
import os
import signal
import subprocess
import sys
import time

import pytest

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
TIMES = ["--leader-elect-lease-duration=4s", "--leader-elect-renew-deadline=3s", "--leader-elect-retry-period=1s"]
MOST = 4 + 1 * 2.2 + 4
"""Seconds: the lease's, a retry with its jitter, and a busy machine's."""


def eventually(check, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


@pytest.fixture
def programs(api, tmp_path):
    """Start programs that contend for a lease; returns them by the process id."""
    made = {}
    numbers = itertools.count()

    def start(*command):
        log = tmp_path / f"log{next(numbers)}"
        line = [
            sys.executable,
            "-m",
            "kubern",
            *command,
            "--kubeconfig",
            str(api.kubeconfig),
            "--secure-port=0",
            *TIMES,
        ]
        with log.open("w") as errors:
            process = subprocess.Popen(line, stderr=errors)
        made[process] = log
        return process, log

    yield start
    for process in made:
        if process.poll() is None:
            process.terminate()
        process.wait(20)


def lease(api, name):
    return api("GET", f"{LEASES}/{name}").body.get("spec") or {}


def leader(api, name, contenders):
    """Return the contender that has said that it leads."""
    holder = lease(api, name).get("holderIdentity")
    if not holder:
        return None
    return next(((p, log) for p, log in contenders if f"{holder} became leader" in log.read_text()), None)


def taken_over(api, name, contenders):
    """Kill the leader of two; return the other once it leads, and how long that took."""
    first = eventually(lambda: leader(api, name, contenders))
    before = lease(api, name)
    (other,) = [each for each in contenders if each[0] is not first[0]]
    assert "became leader" not in other[1].read_text()
    os.kill(first[0].pid, signal.SIGKILL)
    began = time.monotonic()
    eventually(lambda: leader(api, name, [other]))
    after = lease(api, name)
    assert after["leaseTransitions"] == before["leaseTransitions"] + 1
    assert after["holderIdentity"] != before["holderIdentity"]
    return other, time.monotonic() - began


def pod(name, scheduler):
    anywhere = {"operator": "Exists"}
    spec = {"schedulerName": scheduler, "containers": [{"name": "c", "image": "i"}], "tolerations": [anywhere]}
    return {"metadata": {"name": name}, "spec": spec}


def test_a_scheduler_takes_over_and_each_pod_is_bound_once(api, namespace, programs):
    node = {"metadata": {"name": f"n-{namespace}"}}
    assert api("POST", "/api/v1/nodes", node).code == 201
    amounts = {"status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}}
    head = {"content-type": "application/merge-patch+json"}
    assert api("PATCH", f"/api/v1/nodes/n-{namespace}/status", amounts, headers=head).code == 200
    path = f"/api/v1/namespaces/{namespace}/pods"

    def bound():
        return sum(bool(each["spec"].get("nodeName")) for each in api("GET", path).body["items"])

    try:
        flags = ("--scheduler-name=elected", "--leader-elect-resource-name=elected")
        contenders = [programs("scheduler", *flags) for _ in range(2)]
        eventually(lambda: leader(api, "elected", contenders))
        for number in range(20):
            assert api("POST", path, pod(f"before-{number}", "elected")).code == 201
        _, seconds = taken_over(api, "elected", contenders)
        assert seconds < MOST
        for number in range(20):
            assert api("POST", path, pod(f"after-{number}", "elected")).code == 201
        eventually(lambda: bound() == 40)
        events = api("GET", f"/api/v1/namespaces/{namespace}/events").body["items"]
        said = [e["involvedObject"]["name"] for e in events if e["reason"] == "Scheduled"]
        assert len(said) == len(set(said))
        told = api("GET", "/api/v1/namespaces/kube-system/events").body["items"]
        told = [e for e in told if e["reason"] == "LeaderElection" and e["involvedObject"]["name"] == "elected"]
        assert len([e for e in told if e["message"].endswith("became leader")]) == 2
        assert {e["source"]["component"] for e in told} == {"default-scheduler"}
    finally:
        api("DELETE", path + "?gracePeriodSeconds=0")
        api("DELETE", f"/api/v1/nodes/n-{namespace}")


def test_a_controller_manager_takes_over_and_makes_no_replica_twice(api, namespace, programs):
    flags = ("--controllers=replicaset-controller", "--leader-elect-resource-name=managers")
    contenders = [programs("controller-manager", *flags) for _ in range(2)]
    sets, pods = f"/apis/apps/v1/namespaces/{namespace}/replicasets", f"/api/v1/namespaces/{namespace}/pods"
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 60, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    eventually(lambda: leader(api, "managers", contenders))
    assert api("POST", sets, {"metadata": {"name": "web"}, "spec": spec}).code == 201
    # killed in the middle of its work, as like as not
    other, seconds = taken_over(api, "managers", contenders)
    assert seconds < MOST
    eventually(lambda: api("GET", f"{sets}/web").body.get("status", {}).get("replicas") == 60)
    made = api("GET", pods).body["items"]
    assert len(made) == 60
    assert len(api("GET", f"/api/v1/namespaces/{namespace}/events").body["items"]) <= 60
    # told to end, it lets the lease run out, as upstream's does
    other[0].terminate()
    assert other[0].wait(20) == 0, other[1].read_text()
    assert lease(api, "managers")["holderIdentity"]
    api("DELETE", f"{sets}/web")
    api("DELETE", pods + "?gracePeriodSeconds=0")


def test_who_loses_the_lease_ends(api, namespace, programs):
    process, log = programs("scheduler", "--leader-elect-resource-name=usurped", "--scheduler-name=nobody")
    eventually(lambda: leader(api, "usurped", [(process, log)]))
    path = f"{LEASES}/usurped"

    def usurp():
        found = api("GET", path).body
        found["spec"] |= {"holderIdentity": "somebody-else", "leaseDurationSeconds": 60}
        return api("PUT", path, found).code == 200

    eventually(usurp)
    assert process.wait(20) == 1, log.read_text()
    assert "leaderelection lost" in log.read_text()
    assert lease(api, "usurped")["holderIdentity"] == "somebody-else"


@pytest.mark.parametrize("program", ["scheduler", "controller-manager"])
def test_times_that_make_no_sense_are_refused(api, program):
    line = [sys.executable, "-m", "kubern", program, "--kubeconfig", str(api.kubeconfig)]
    ended = subprocess.run(
        [*line, "--leader-elect-renew-deadline=20s"], capture_output=True, text=True, timeout=20, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "kubern: leaseDuration must be greater than renewDeadline\n")
