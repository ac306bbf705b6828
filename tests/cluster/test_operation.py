"""Up, stop, start, down: the same cluster comes back, and nothing stays behind."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from kubern.cluster.images.archive import Entry, layer, write
from tests.cluster.conftest import Cluster, eventually

BUSYBOX = "localhost/kubern/busybox:1"


@pytest.fixture
def own(tmp_path):
    """A cluster of the test's own with two nodes."""
    made = Cluster("kubern-ops", tmp_path / "home")
    try:
        made.kubern("up", "--nodes", "2", "--port", "17443", timeout=180)
        yield made
    finally:
        made.kubern("down", check=False)


def traces(cluster):
    """Return everything of a cluster that can be found on the host."""
    found = [f"namespace {n.name}" for n in Path("/run/netns").glob(f"kubern.{cluster.name}.*")]
    found += [
        f"mount {line.split()[1]}" for line in Path("/proc/mounts").read_text().splitlines() if cluster.name in line
    ]
    found += [f"cgroup {c}" for c in Path("/sys/fs/cgroup").glob(f"*/kubern.{cluster.name}")]
    found += [f"file {f}" for f in cluster.home.glob("*") if f.name != "kubeconfig"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(cluster.home) in command and int(process.name) != os.getpid():
            found.append(f"process {process.name} {command}")
    return found


def host_network():
    """Return the host's links, addresses, routes and rules."""
    commands = (["ip", "-o", "link"], ["ip", "-o", "address"], ["ip", "route"], ["nft", "list", "ruleset"])
    return [subprocess.run(command, capture_output=True, text=True, check=True).stdout for command in commands]


def test_the_hosts_network_is_left_alone_and_down_leaves_nothing(tmp_path):
    before = host_network()
    cluster = Cluster("kubern-gone", tmp_path / "home")
    try:
        cluster.kubern("up", "--port", "18443", timeout=180)
        assert host_network() == before
        assert cluster.kubern("status").count("ready") == 2
        assert traces(cluster)
    finally:
        cluster.kubern("down")
    assert eventually(lambda: not traces(cluster), 10) or traces(cluster) == []
    assert host_network() == before
    assert "kubern-gone" not in (tmp_path / "home/kubeconfig").read_text()


def workload(cluster):
    """A deployment behind a service, and a ConfigMap; returns what must be the same after a restart."""
    container = {
        "name": "c",
        "image": BUSYBOX,
        "command": ["sh", "-c", "trap 'exit 0' TERM; httpd -f -p 80 -h /etc & wait"],
    }
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    cluster.apply(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"a": "b"}},
    )
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s", timeout=90)
    return lasting(cluster)


def lasting(cluster):
    pods = sorted(p["metadata"]["uid"] for p in cluster.get("pods", "-l", "app=web")["items"])
    service, kept = cluster.get("service", "web"), cluster.get("configmap", "kept")
    nodes = {
        n["metadata"]["name"]: (n["metadata"]["uid"], n["status"]["addresses"]) for n in cluster.get("nodes")["items"]
    }
    return pods, service["spec"]["clusterIP"], service["metadata"]["uid"], kept["metadata"]["uid"], nodes


def serving(cluster):
    """Whether both pods run and one answers through the Service, asked from the other."""
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s", timeout=90)
    return "root" in cluster.kubectl(
        "exec", "deployment/web", "--", "timeout", "3", "wget", "-qO-", "http://web/passwd"
    )


def test_stop_and_start_bring_the_same_cluster_back(own):
    before = workload(own)
    authority = (own.state / "pki/ca.crt").read_bytes()
    own.kubern("stop")
    assert own.kubern("status", check=False).count("stopped") == 3
    own.kubern("start", timeout=180)
    eventually(lambda: serving(own), 60)
    assert lasting(own) == before
    assert (own.state / "pki/ca.crt").read_bytes() == authority


def test_a_machine_that_was_switched_off_comes_back(own):
    before = workload(own)
    for record in (own.state / "processes").glob("*.json"):
        os.kill(json.loads(record.read_text())["pid"], 9)
    for namespace in Path("/run/netns").glob(f"kubern.{own.name}.*"):
        subprocess.run(["ip", "netns", "delete", namespace.name], check=True, timeout=10)
    own.kubern("up", timeout=180)
    eventually(lambda: serving(own), 60)
    assert lasting(own) == before


def test_a_second_up_changes_nothing_and_adds_the_nodes_it_is_asked_for(own):
    first = {p.name: json.loads(p.read_text())["pid"] for p in (own.state / "processes").glob("*.json")}
    own.kubern("up", "--nodes", "3", timeout=180)
    second = {p.name: json.loads(p.read_text())["pid"] for p in (own.state / "processes").glob("*.json")}
    assert {name: second[name] for name in first} == first
    assert len(own.get("nodes")["items"]) == 3


def test_images_are_built_and_loaded(own, tmp_path):
    (tmp_path / "hello.txt").write_text("built here\n")
    (tmp_path / "Dockerfile").write_text(
        f'FROM {BUSYBOX}\nWORKDIR /data\nCOPY hello.txt .\nRUN echo more >> hello.txt\nENV A=b\nCMD ["cat", "hello.txt"]\n'
    )
    assert own.kubern("image", "build", str(tmp_path), "--tag", "localhost/built:1").split() == ["localhost/built:1"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "built"}}
    own.apply(pod | {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "localhost/built:1"}]}})
    eventually(lambda: own.get("pod", "built")["status"]["phase"] == "Succeeded", 30)
    assert own.kubectl("logs", "built") == "built here\nmore\n"


def test_an_archive_is_loaded_onto_every_node_and_those_to_come(own, tmp_path):
    files = {"bin": Entry(), "bin/busybox": Entry(Path("/bin/busybox").read_bytes())}
    archive = tmp_path / "image.tar"
    write(archive, {"localhost/loaded:1": ({"Cmd": ["/bin/busybox", "echo", "loaded"]}, [layer(files)])})
    assert own.kubern("image", "load", str(archive)).split() == ["localhost/loaded:1"]
    own.kubern("up", "--nodes", "3", timeout=180)
    names = [f"{own.name}-{number}" for number in (1, 2, 3)]
    for name in names:
        meta = {"name": f"on-{name}"}
        spec = {
            "nodeName": name,
            "restartPolicy": "Never",
            "containers": [{"name": "c", "image": "localhost/loaded:1"}],
        }
        own.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    eventually(lambda: {p["status"]["phase"] for p in own.get("pods")["items"]} == {"Succeeded"}, 30)
    assert [own.kubectl("logs", f"on-{name}") for name in names] == ["loaded\n"] * 3
