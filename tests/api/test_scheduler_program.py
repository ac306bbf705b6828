"""`kubern scheduler` as a program of its own: over HTTPS, with a configuration file and a Lease."""

import signal
import subprocess
import sys
import time

import pytest

CONFIG = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {resourceName: packing}
profiles:
- schedulerName: packing
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated}}
"""


def eventually(check):
    deadline = time.monotonic() + 30
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


def start(api, tmp_path, *arguments):
    program = [sys.executable, "-m", "kubern", "scheduler", "--kubeconfig", str(api.kubeconfig)]
    command = [*program, "--secure-port=0", *arguments]
    return subprocess.Popen(command, stderr=(tmp_path / "log").open("w"))


@pytest.fixture
def node(api):
    assert api("POST", "/api/v1/nodes", {"metadata": {"name": "packed"}}).code == 201
    amounts = {"cpu": "4", "memory": "8Gi", "pods": "10"}
    head = {"content-type": "application/merge-patch+json"}
    patch = {"status": {"allocatable": amounts, "capacity": amounts}}
    assert api("PATCH", "/api/v1/nodes/packed/status", patch, headers=head).code == 200
    yield "packed"
    api("DELETE", "/api/v1/nodes/packed")


def test_it_places_pods_while_it_holds_its_lease(api, namespace, node, tmp_path):
    (tmp_path / "config").write_text(CONFIG)
    process = start(api, tmp_path, "--config", str(tmp_path / "config"))
    try:
        spec = {
            "schedulerName": "packing",
            "containers": [{"name": "c", "image": "i"}],
            "tolerations": [{"operator": "Exists"}],
            "nodeSelector": {},
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
                        ]
                    }
                }
            },
        }
        path = f"/api/v1/namespaces/{namespace}/pods"
        assert api("POST", path, {"metadata": {"name": "p"}, "spec": spec}).code == 201
        eventually(lambda: api("GET", f"{path}/p").body["spec"].get("nodeName") == node)
        lease = api("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/packing").body
        assert lease["spec"]["holderIdentity"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, (tmp_path / "log").read_text()
    lease = api("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/packing").body
    assert not lease["spec"].get("holderIdentity")


def test_a_file_with_a_mistake_is_one_line(api, tmp_path):
    (tmp_path / "config").write_text(CONFIG.replace("profiles", "profile"))
    process = start(api, tmp_path, "--config", str(tmp_path / "config"))
    assert process.wait(20) == 1
    assert (tmp_path / "log").read_text() == f'kubern: {tmp_path / "config"}: unknown field "profile"\n'
