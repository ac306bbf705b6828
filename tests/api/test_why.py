"""`kubern why` against a real apiserver over HTTPS."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def nodes(api):
    made = {"why-small": "1", "why-large": "4"}
    for name, cpu in made.items():
        assert api("POST", "/api/v1/nodes", {"metadata": {"name": name}}).code == 201
        amounts = {"cpu": cpu, "memory": "8Gi", "pods": "10"}
        patch = {"status": {"allocatable": amounts, "capacity": amounts}}
        head = {"content-type": "application/merge-patch+json"}
        assert api("PATCH", f"/api/v1/nodes/{name}/status", patch, headers=head).code == 200
    yield made
    for name in made:
        api("DELETE", f"/api/v1/nodes/{name}")


def why(api, *arguments):
    command = [sys.executable, "-m", "kubern", "why", "--kubeconfig", str(api.kubeconfig), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_says_what_each_node_lacks_and_how_the_others_score(api, namespace, nodes):
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}}}
    spec = {"containers": [container], "tolerations": [{"operator": "Exists"}]}
    assert api("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "p"}, "spec": spec}).code == 201
    done = why(api, "p", "-n", namespace, "-o", "json")
    assert done.returncode == 0, done.stderr
    found = {each["node"]: each for each in json.loads(done.stdout)["nodes"]}
    assert found["why-small"]["plugin"] == "NodeResourcesFit"
    assert found["why-small"]["lacking"] == "cpu: asks for 2, free are 1 of 1"
    assert found["why-large"]["scores"]["NodeResourcesFit"] > 0
    table = why(api, "p", "-n", namespace, "--all").stdout
    assert f"{namespace}/p has no node yet" in table
    assert "Insufficient cpu" in table


def test_a_pod_that_is_not_there(api):
    done = why(api, "nobody")
    assert done.returncode == 1
    assert done.stderr == "kubern: there is no pod default/nobody\n"
