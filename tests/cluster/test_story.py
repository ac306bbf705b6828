"""The README's story on real containers, with the real kubectl: the tests run in order of the story on one deployment."""

import json
import os
import signal
import socket
import subprocess
import urllib.request

import pytest

from tests.cluster.conftest import ROOT, eventually

HELLO = str(ROOT / "examples/hello")
PAGE = "Hello from Kubern"
BUSYBOX = "localhost/kubern/busybox:1"


@pytest.fixture(scope="module")
def hello(cluster):
    """The first deployment of the README."""
    cluster.kubectl("apply", "-f", HELLO)
    cluster.kubectl("rollout", "status", "deployment/hello", "--timeout=60s", timeout=90)
    yield cluster
    cluster.kubectl("delete", "-f", HELLO, "--ignore-not-found", "--wait=true", timeout=90)


@pytest.fixture(scope="module")
def client(cluster):
    """A pod on the last node that asks the others."""
    name = cluster.get("nodes")["items"][-1]["metadata"]["name"]
    container = {"name": "c", "image": BUSYBOX, "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 36000 & wait"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client", "namespace": "default"}}
    cluster.apply(pod | {"spec": {"nodeName": name, "containers": [container], "terminationGracePeriodSeconds": 1}})
    cluster.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s", timeout=90)
    yield "client"
    cluster.kubectl("delete", "pod", "client", "--wait=false")


def fetch(cluster, url):
    """Return the page at `url` as the client pod sees it."""
    return cluster.kubectl("exec", "client", "--", "timeout", "3", "wget", "-q", "-O", "-", url, check=False)


def pods(cluster, selector="app=hello"):
    """Return the pods that are not on their way out."""
    return [p for p in cluster.get("pods", "-l", selector)["items"] if "deletionTimestamp" not in p["metadata"]]


def test_the_page_comes_by_service_address_node_port_and_name(hello, client):
    service = hello.get("service", "hello")["spec"]
    node = next(
        a["address"] for a in hello.get("nodes")["items"][0]["status"]["addresses"] if a["type"] == "InternalIP"
    )
    for url in (
        f"http://{service['clusterIP']}/",
        f"http://{node}:30080/",
        "http://hello/",
        "http://hello.default.svc.cluster.local/",
    ):
        assert PAGE in eventually(lambda url=url: fetch(hello, url), 20), url


def test_the_page_comes_on_the_hosts_loopback(hello):
    def page():
        with urllib.request.urlopen("http://127.0.0.1:30080/", timeout=3) as answer:
            return answer.read().decode()

    assert PAGE in page()


def test_scale(hello):
    hello.kubectl("scale", "deployment/hello", "--replicas=4")
    hello.kubectl("rollout", "status", "deployment/hello", "--timeout=60s", timeout=90)
    assert len({p["spec"]["nodeName"] for p in pods(hello)}) == 3
    hello.kubectl("scale", "deployment/hello", "--replicas=2")
    eventually(lambda: len(pods(hello)) == 2)


def test_a_rolling_update_fails_no_request_and_a_rollback_brings_the_old_back(hello, client):
    script = (
        "fails=0; n=0; while [ ! -e /tmp/enough ]; do n=$((n+1)); "
        "timeout 5 wget -q -O /dev/null http://hello/ || fails=$((fails+1)); done; echo done $n $fails"
    )
    asking = hello.popen("exec", "client", "--", "sh", "-c", script, stdout=subprocess.PIPE, text=True)
    try:
        first = hello.get("deployment", "hello")["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        hello.kubectl("set", "env", "deployment/hello", "VERSION=2")
        hello.kubectl("rollout", "status", "deployment/hello", "--timeout=60s", timeout=90)
        hello.kubectl("rollout", "undo", "deployment/hello")
        hello.kubectl("rollout", "status", "deployment/hello", "--timeout=60s", timeout=90)
        hello.kubectl("exec", "client", "--", "touch", "/tmp/enough")
        output, _ = asking.communicate(timeout=30)
    finally:
        asking.kill()
        asking.wait()
    word, asked, failed = output.split()
    assert (word, failed) == ("done", "0")
    assert int(asked) > 20
    deployment = hello.get("deployment", "hello")
    assert int(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"]) > int(first)
    assert "env" not in deployment["spec"]["template"]["spec"]["containers"][0]


def test_a_deleted_pod_is_replaced(hello):
    gone = pods(hello)[0]["metadata"]["name"]
    hello.kubectl("delete", "pod", gone, timeout=60)
    hello.kubectl("rollout", "status", "deployment/hello", "--timeout=60s", timeout=90)
    names = [p["metadata"]["name"] for p in pods(hello)]
    assert len(names) == 2
    assert gone not in names


def test_logs_exec_and_copies(cluster, client, tmp_path):
    container = {
        "name": "c",
        "image": BUSYBOX,
        "command": ["sh", "-c", "for i in 1 2 3; do echo line $i; done; sleep 36000"],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "talker"}}
    cluster.apply(pod | {"spec": {"containers": [container], "terminationGracePeriodSeconds": 0}})
    cluster.kubectl("wait", "--for=condition=Ready", "pod/talker", "--timeout=30s")
    assert eventually(lambda: cluster.kubectl("logs", "talker")) == "line 1\nline 2\nline 3\n"
    assert cluster.kubectl("logs", "talker", "--tail=1") == "line 3\n"
    assert cluster.kubectl("exec", "-i", "client", "--", "cat", stdin="to and fro") == "to and fro"
    failing = cluster.popen("exec", "client", "--", "sh", "-c", "exit 7", stderr=subprocess.PIPE, text=True)
    _, complaint = failing.communicate(timeout=30)
    assert (failing.returncode, "exit code 7" in complaint) == (7, True)
    (tmp_path / "there").write_text("a file\n" * 1000)
    cluster.kubectl("cp", str(tmp_path / "there"), "client:/tmp/there")
    cluster.kubectl("cp", "client:/tmp/there", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "a file\n" * 1000
    cluster.kubectl("delete", "pod", "talker")


def test_attach_reaches_the_main_process(cluster, namespace):
    container = {
        "name": "c",
        "image": BUSYBOX,
        "command": ["sh", "-c", "read line; echo heard $line"],
        "stdin": True,
        "stdinOnce": True,
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "listener", "namespace": namespace}}
    cluster.apply(pod | {"spec": {"restartPolicy": "Never", "containers": [container]}})
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/listener", "--timeout=30s")
    cluster.kubectl("attach", "-i", "-n", namespace, "listener", stdin="hello\n")
    eventually(lambda: cluster.get("pod", "listener", "-n", namespace)["status"]["phase"] == "Succeeded", 20)
    assert cluster.kubectl("logs", "-n", namespace, "listener") == "heard hello\n"


def test_logs_follow_until_the_container_ends(cluster, namespace):
    script = "for i in $(seq 1 5); do echo tick $i; sleep 0.3; done"
    container = {"name": "c", "image": BUSYBOX, "command": ["sh", "-c", script]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ticker", "namespace": namespace}}
    cluster.apply(pod | {"spec": {"restartPolicy": "Never", "containers": [container]}})
    eventually(
        lambda: cluster.get("pod", "ticker", "-n", namespace)["status"].get("containerStatuses", [{}])[0].get("started")
    )
    assert cluster.kubectl("logs", "-f", "ticker", "-n", namespace) == "".join(f"tick {i}\n" for i in range(1, 6))
    eventually(lambda: cluster.get("pod", "ticker", "-n", namespace)["status"]["phase"] == "Succeeded")


def test_port_forward(hello):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    forward = hello.popen(
        "port-forward", "deployment/hello", f"{port}:8080", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:

        def page():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=3) as answer:
                    return answer.read().decode()
            except OSError:
                return ""

        for _ in range(3):
            assert PAGE in eventually(page, 20)
    finally:
        forward.kill()
        forward.wait()


def test_a_container_that_exits_is_restarted(hello):
    name = pods(hello)[0]["metadata"]["name"]
    before = hello.get("pod", name)["status"]["containerStatuses"][0]["restartCount"]
    # later, and by nobody who waits for it: the container's end would end the command too
    hello.kubectl("exec", name, "--", "sh", "-c", "(sleep 1; killall httpd) > /dev/null 2>&1 &")

    def restarted():
        status = hello.get("pod", name)["status"]["containerStatuses"][0]
        return status["restartCount"] == before + 1 and status["ready"]

    eventually(restarted, 40)


def test_a_node_killed_hard_turns_not_ready_and_its_pods_come_back_elsewhere(cluster, namespace):
    """The deployment tolerates a dead node for two seconds; a node is dead when it has not reported for its grace time."""
    tolerations = [
        {"key": f"node.kubernetes.io/{kind}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2}
        for kind in ("unreachable", "not-ready")
    ]
    container = {"name": "c", "image": BUSYBOX, "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 36000 & wait"]}
    template = {
        "metadata": {"labels": {"app": "moving"}},
        "spec": {"containers": [container], "tolerations": tolerations},
    }
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "moving"}}, "template": template}
    cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "moving", "namespace": namespace},
            "spec": spec,
        }
    )
    cluster.kubectl("rollout", "status", "deployment/moving", "-n", namespace, "--timeout=60s", timeout=90)
    victim = f"{cluster.name}-2"
    _kill_node(cluster, victim)
    try:

        def moved():
            ready = {c["type"]: c["status"] for c in cluster.get("node", victim)["status"]["conditions"]}["Ready"]
            running = [
                p["spec"]["nodeName"]
                for p in cluster.get("pods", "-n", namespace, "-l", "app=moving")["items"]
                if "deletionTimestamp" not in p["metadata"] and p["status"]["phase"] == "Running"
            ]
            return ready == "Unknown" and len(running) == 3 and victim not in running

        eventually(moved, 90, every=0.5)
    finally:
        cluster.kubern("start", timeout=120)
    eventually(
        lambda: (
            {c["type"]: c["status"] for c in cluster.get("node", victim)["status"]["conditions"]}["Ready"] == "True"
        ),
        60,
    )


def _kill_node(cluster, name):
    """End a node as a power cut does: every process at once, and its link."""
    root = json.loads((cluster.state / "processes" / f"{name}.json").read_text())["pid"]
    os.kill(root, signal.SIGKILL)
    number = name.rpartition("-")[2]
    subprocess.run(
        ["ip", "-n", f"kubern.{cluster.name}.fabric", "link", "delete", f"n{number}"], check=True, timeout=10
    )
