"""A cluster where no containers can run: `kubern up` says so in one line, and the whole API works on a virtual node."""

import base64
import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

KUBECTL = str(Path(sysconfig.get_path("scripts")) / "kubectl")


class Cluster:
    """The commands of a user whose machine lacks what real nodes need: nothing of it is on the PATH."""

    def __init__(self, home):
        self.environment = os.environ | {
            "KUBERN_HOME": str(home / "state"), "KUBECONFIG": str(home / "kubeconfig"), "PATH": "/nonexistent"
        }  # fmt: skip

    def run(self, *command, stdin=None):
        done = subprocess.run(
            command, input=stdin, env=self.environment, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def kubern(self, *arguments):
        return self.run(sys.executable, "-m", "kubern", *arguments, "--name", "kubern-virtual")

    def get(self, *arguments):
        return json.loads(self.run(KUBECTL, "get", *arguments, "-o", "json").stdout)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    home = tmp_path_factory.mktemp("virtual")
    made = Cluster(home)
    said = made.kubern("up", "--port", "20443").stderr
    try:
        yield made, said
    finally:
        made.kubern("down")
        assert not (home / "state").exists()


def eventually(check, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return found


def test_it_says_what_is_missing_in_one_line(cluster):
    lines = [line for line in cluster[1].splitlines() if "No containers here" in line]
    assert len(lines) == 1
    assert "starting the control plane with one virtual node" in lines[0]


def test_a_deployment_runs_on_the_virtual_node(cluster):
    made, _ = cluster
    template = {
        "metadata": {"labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": "example.org/any:1"}]},
    }
    spec = {"replicas": 5, "selector": {"matchLabels": {"app": "a"}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}
    made.run(KUBECTL, "apply", "-f", "-", stdin=json.dumps(deployment))
    made.run(KUBECTL, "rollout", "status", "deployment/a", "--timeout=30s")
    pods = made.get("pods", "-l", "app=a")["items"]
    assert {p["spec"]["nodeName"] for p in pods} == {"virtual-1"}
    assert len({p["status"]["podIP"] for p in pods}) == 5
    made.run(KUBECTL, "delete", "deployment", "a", "--timeout=30s")
    eventually(lambda: not made.get("pods", "-l", "app=a")["items"])


def test_the_cluster_comes_back_after_a_stop(cluster):
    made, _ = cluster
    uid = made.get("namespace", "default")["metadata"]["uid"]
    made.kubern("stop")
    made.kubern("start")
    assert made.get("namespace", "default")["metadata"]["uid"] == uid
    assert "ready" in made.kubern("status").stdout


def test_kubectl_top_shows_what_virtual_pods_are_said_to_use(cluster):
    run = cluster[0].run
    for name, cpu in (("busy", "300m"), ("idle", "20m")):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name, "labels": {"app": "top", "who": name},
                "annotations": {"simulation.kubern/cpu": cpu, "simulation.kubern/memory": "64Mi"},
            },
            "spec": {"containers": [{"name": "app", "image": "x"}]},
        }  # fmt: skip
        run(KUBECTL, "create", "-f", "-", stdin=json.dumps(pod))

    def top(*arguments):
        said = run(KUBECTL, "top", *arguments, "--no-headers").stdout
        return [line.split() for line in said.splitlines()]

    raw = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dtop"
    eventually(lambda: len(json.loads(run(KUBECTL, "get", "--raw", raw).stdout)["items"]) == 2, 60)
    shown = top("pods", "-l", "app=top", "--sort-by=cpu")
    assert [row[0] for row in shown] == ["busy", "idle"]
    assert 270 <= int(shown[0][1].removesuffix("m")) <= 330
    assert shown[0][2] == "64Mi"
    assert [row[:2] for row in top("pods", "--containers", "-l", "who=idle")] == [["idle", "app"]]
    assert top("nodes")[0][0] == "virtual-1"
    assert run(KUBECTL, "get", "apiservice", "v1beta1.metrics.k8s.io", "--no-headers").stdout.split()[2] == "True"
    run(KUBECTL, "delete", "pod", "-l", "app=top", "--wait=false")


def scripted(name, annotations, **spec):
    containers = [{"name": "app", "image": "x"}]
    meta = {"name": name, "annotations": {f"simulation.kubern/{key}": value for key, value in annotations.items()}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers} | spec}


def test_pods_fail_and_wait_as_scripted(cluster):
    run, get = cluster[0].run, cluster[0].get
    pods = [
        scripted("fails", {"run-for": "0.5", "exit-code": "3"}, restartPolicy="Never"),
        scripted("loops", {"run-for": "0.5", "exit-code": "1"}),
        scripted("slow", {"start-after": "3600"}),
    ]
    run(KUBECTL, "create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    eventually(lambda: get("pod", "fails")["status"]["phase"] == "Failed")
    state = get("pod", "fails")["status"]["containerStatuses"][0]["state"]
    assert (state["terminated"]["exitCode"], state["terminated"]["reason"]) == (3, "Error")
    eventually(
        lambda: "waiting" in (get("pod", "loops")["status"].get("containerStatuses") or [{"state": {}}])[0]["state"]
    )
    looping = get("pod", "loops")["status"]["containerStatuses"][0]
    assert looping["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert looping["lastState"]["terminated"]["exitCode"] == 1
    assert get("pod", "slow")["status"]["phase"] == "Pending"
    assert get("pod", "slow")["spec"]["nodeName"] == "virtual-1"
    run(KUBECTL, "delete", "pod", "fails", "loops", "slow", "--timeout=30s")


def test_jobs_complete_and_fail_as_scripted(cluster):
    run = cluster[0].run
    for name, code in (("good", "0"), ("bad", "1")):
        annotations = {"simulation.kubern/run-for": "0.2..0.6", "simulation.kubern/exit-code": code}
        spec = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "x"}]}
        template = {"metadata": {"annotations": annotations}, "spec": spec}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
        job["spec"] = {"completions": 2, "parallelism": 2, "backoffLimit": 0, "template": template}
        run(KUBECTL, "create", "-f", "-", stdin=json.dumps(job))
    run(KUBECTL, "wait", "job/good", "--for=condition=Complete", "--timeout=30s")
    run(KUBECTL, "wait", "job/bad", "--for=condition=Failed", "--timeout=30s")
    run(KUBECTL, "delete", "job", "good", "bad", "--timeout=30s")


def talking(name, **more):
    """A pod that says two lines at its start, and knows two commands."""
    answers = "hostname: web-0\ncat /missing: {stderr: no such file, exit-code: 3}\n"
    return scripted(name, {"log": "first\nsecond", "exec": answers} | more)


@pytest.mark.parametrize("cascade", ["background", "orphan", "foreground"])
def test_pods_of_a_deleted_job_can_be_deleted(cluster, cascade):
    made, _ = cluster
    name = f"left-{cascade}"
    made.run(KUBECTL, "create", "job", name, "--image=x", "--", "sleep", "1")
    eventually(lambda: made.get("pods", "-l", f"job-name={name}")["items"])
    made.run(KUBECTL, "delete", "job", name, f"--cascade={cascade}", "--wait=true", "--timeout=30s")
    made.run(KUBECTL, "delete", "pods", "-l", f"job-name={name}", "--wait=true", "--timeout=30s")
    eventually(lambda: not made.get("pods", "-l", f"job-name={name}")["items"])


def test_kubectl_reads_scripted_logs_and_runs_scripted_commands(cluster):
    run, get = cluster[0].run, cluster[0].get
    run(KUBECTL, "create", "-f", "-", stdin=json.dumps(talking("talks")))
    run(KUBECTL, "wait", "pod/talks", "--for=condition=Ready", "--timeout=30s")
    assert run(KUBECTL, "logs", "talks").stdout == "first\nsecond\n"
    assert run(KUBECTL, "logs", "talks", "--tail=1").stdout == "second\n"
    assert run(KUBECTL, "exec", "talks", "--", "hostname").stdout == "web-0\n"
    command = [KUBECTL, "exec", "talks", "--", "cat", "/missing"]
    failed = subprocess.run(
        command, env=cluster[0].environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (failed.returncode, failed.stdout) == (3, "")
    assert "no such file" in failed.stderr
    started = get("pod", "talks")["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    stamped = run(KUBECTL, "logs", "talks", "--timestamps").stdout.splitlines()[0]
    assert stamped.startswith(started.removesuffix("Z"))
    run(KUBECTL, "delete", "pod", "talks", "--wait=false")


def test_logs_and_attach_follow_a_pod_until_it_is_gone(cluster):
    run = cluster[0].run
    run(KUBECTL, "create", "-f", "-", stdin=json.dumps(talking("ticks", **{"log-every": "0.3"})))
    run(KUBECTL, "wait", "pod/ticks", "--for=condition=Ready", "--timeout=30s")
    commands = [(KUBECTL, "logs", "ticks", "--follow"), (KUBECTL, "attach", "ticks")]
    following = [
        subprocess.Popen(each, env=cluster[0].environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for each in commands
    ]
    heard = [[process.stdout.readline().strip() for _ in range(4)] for process in following]
    run(KUBECTL, "delete", "pod", "ticks", "--wait=false")
    for process in following:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert heard[0] == ["first", "second", "first", "second"]
    assert sorted(heard[1]) == ["first", "first", "second", "second"]


PORTS = """
6379: "+PONG\\r\\n"
8080: {http: "served\\n"}
"""


class Forwarding:
    """A `kubectl port-forward` to some ports of a pod; `local` says where each is heard."""

    def __init__(self, made, pod, ports, sockets):
        environment = made.environment | {"KUBECTL_PORT_FORWARD_WEBSOCKETS": sockets}
        command = [KUBECTL, "port-forward", f"pod/{pod}", "--address=127.0.0.1", *(f":{port}" for port in ports)]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        said = [self.process.stdout.readline() for _ in ports]
        self.local = {
            port: int(line.split(" -> ")[0].rpartition(":")[2]) for port, line in zip(ports, said, strict=True)
        }

    def said(self, port, data=b""):
        with socket.create_connection(("127.0.0.1", self.local[port]), timeout=20) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize("sockets", ["true", "false"], ids=["websocket", "spdy"])
def test_kubectl_forwards_ports_to_scripted_answers(cluster, sockets):
    run, name = cluster[0].run, f"listens-{sockets}"
    run(KUBECTL, "create", "-f", "-", stdin=json.dumps(scripted(name, {"ports": PORTS})))
    run(KUBECTL, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=30s")
    forwarding = Forwarding(cluster[0], name, [6379, 8080, 9], sockets)
    try:
        assert forwarding.said(6379) == b"+PONG\r\n"
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        assert [forwarding.said(8080, request).endswith(b"\r\n\r\nserved\n") for _ in range(2)] == [True, True]
        with contextlib.suppress(ConnectionError):
            assert forwarding.said(9) == b""
        refused = next(line for line in forwarding.process.stderr if "error forwarding port 9 to pod" in line)
        assert "127.0.0.1:9: connect: connection refused" in refused
    finally:
        forwarding.process.terminate()
        forwarding.process.communicate(timeout=20)
    run(KUBECTL, "delete", "pod", name, "--wait=false")


RULES = """
- selector: {matchLabels: {app: ruled}}
  script: {start-after: 0.2, ready-after: 1, log: hello, exec: {hostname: ruled-0}}
"""


def test_pods_are_scripted_by_label_selector(cluster):
    run, get = cluster[0].run, cluster[0].get
    rules = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "virtual-nodes", "namespace": "kube-system"}}
    run(KUBECTL, "apply", "-f", "-", stdin=json.dumps(rules | {"data": {"pods.yaml": RULES}}))
    pod = scripted("ruled", {"waiting": "ImagePullBackOff"})
    pod["metadata"]["labels"] = {"app": "ruled"}
    run(KUBECTL, "create", "-f", "-", stdin=json.dumps(pod))
    path = "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff"
    run(KUBECTL, "wait", "pod/ruled", path, "--timeout=30s")
    assert get("pod", "ruled")["status"]["phase"] == "Pending"
    run(KUBECTL, "annotate", "pod", "ruled", "simulation.kubern/waiting-")
    run(KUBECTL, "wait", "pod/ruled", "--for=condition=Ready", "--timeout=30s")
    assert run(KUBECTL, "logs", "ruled").stdout == "hello\n"
    assert run(KUBECTL, "exec", "ruled", "--", "hostname").stdout == "ruled-0\n"
    run(KUBECTL, "delete", "pod/ruled", "--wait=false")
    run(KUBECTL, "delete", "configmap/virtual-nodes", "-n", "kube-system")


def test_a_virtual_nodes_kubelet_answers_through_the_apiserver(cluster):
    run = cluster[0].run
    path = "/api/v1/nodes/virtual-1/proxy"
    assert run(KUBECTL, "get", "--raw", f"{path}/healthz").stdout == "ok"
    assert json.loads(run(KUBECTL, "get", "--raw", f"{path}/stats/summary").stdout)["node"]["nodeName"] == "virtual-1"
    assert "node_cpu_usage_seconds_total" in run(KUBECTL, "get", "--raw", f"{path}/metrics/resource").stdout


def test_a_silent_node_is_lost_and_comes_back(cluster):
    run = cluster[0].run
    silent = {"nodes.yaml": "[{first: 1, script: {silent: true}}]"}
    rules = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "virtual-nodes", "namespace": "kube-system"}}
    run(KUBECTL, "create", "-f", "-", stdin=json.dumps(rules | {"data": silent}))
    run(KUBECTL, "wait", "node/virtual-1", "--for=condition=Ready=Unknown", "--timeout=80s")
    assert "node.kubernetes.io/unreachable" in json.dumps(cluster[0].get("node", "virtual-1")["spec"]["taints"])
    run(KUBECTL, "delete", "configmap", "virtual-nodes", "-n", "kube-system")
    run(KUBECTL, "wait", "node/virtual-1", "--for=condition=Ready=True", "--timeout=20s")
    eventually(lambda: not cluster[0].get("node", "virtual-1")["spec"].get("taints"))


def test_an_autoscaler_follows_the_pods_cpu(cluster):
    run, get = cluster[0].run, cluster[0].get
    labels = {"app": "scaled"}
    container = {"name": "app", "image": "x", "resources": {"requests": {"cpu": "100m"}}}
    template = {
        "metadata": {"labels": labels, "annotations": {"simulation.kubern/cpu": "300m"}},
        "spec": {"containers": [container]},
    }
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "scaled"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }  # fmt: skip
    run(KUBECTL, "create", "-f", "-", stdin=json.dumps(deployment))
    run(KUBECTL, "autoscale", "deployment", "scaled", "--cpu-percent=100", "--min=1", "--max=3")
    eventually(lambda: get("deployment", "scaled")["status"].get("readyReplicas") == 3, 90)
    status = get("hpa", "scaled")["status"]
    assert {c["type"]: c["status"] for c in status["conditions"]} | {"ScalingLimited": "True"} == {
        "AbleToScale": "True", "ScalingActive": "True", "ScalingLimited": "True"
    }  # fmt: skip
    assert status["currentMetrics"][0]["resource"]["current"]["averageUtilization"] in range(280, 320)
    events = get("events", "--field-selector=involvedObject.kind=HorizontalPodAutoscaler")["items"]
    message = "New size: 3; reason: cpu resource utilization (percentage of request) above target"
    assert message in [event["message"] for event in events if event["reason"] == "SuccessfulRescale"]
    run(KUBECTL, "delete", "hpa,deployment", "scaled", "--wait=false")


def test_its_scheduler_and_controllers_have_their_ports(cluster, tmp_path):
    made, _ = cluster
    log = (Path(made.environment["KUBERN_HOME"]) / "kubern-virtual" / "logs" / "control-plane.log").read_text()
    urls = [line.split()[-1] for line in log.splitlines() if "kubern.diagnostics.serving: serving on " in line][-2:]
    config = json.loads(made.run(KUBECTL, "config", "view", "--raw", "-o", "json").stdout)
    user, server = config["users"][0]["user"], config["clusters"][0]["cluster"]
    files = {}
    for name, text in (("crt", user["client-certificate-data"]), ("key", user["client-key-data"])):
        files[name] = tmp_path / name
        files[name].write_bytes(base64.b64decode(text))
    trusting = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{urls[0]}/metrics", context=trusting, timeout=20)
    trusting.load_cert_chain(files["crt"], files["key"])
    shown = [urllib.request.urlopen(f"{url}/metrics", context=trusting, timeout=20).read() for url in urls]
    assert b'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"}' in shown[0]
    assert b'workqueue_adds_total{name="deployment"}' in shown[1]
    assert b'rest_client_requests_total{code="201"' in shown[1]
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "10m"}}}
    asking = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asking"}, "spec": {"containers": [container]}}
    made.run(KUBECTL, "apply", "-f", "-", stdin=json.dumps(asking))

    def shown_alone():
        text = urllib.request.urlopen(f"{urls[0]}/metrics/resources", context=trusting, timeout=20).read()
        return b'kube_pod_resource_request{namespace="default",pod="asking"' in text

    eventually(shown_alone)
    made.run(KUBECTL, "create", "job", "counted", "--image=i")
    created = b'job_controller_job_syncs_total{completion_mode="NonIndexed",result="success",action="pods_created"}'
    eventually(lambda: created in urllib.request.urlopen(f"{urls[1]}/metrics", context=trusting, timeout=20).read())
    for url in urls:
        assert urllib.request.urlopen(f"{url}/readyz", context=trusting, timeout=20).read() == b"ok"


CLAIM_SPEC = {
    "devices": {
        "requests": [
            {
                "name": "gpu",
                "exactly": {
                    "deviceClassName": "gpu",
                    "selectors": [{"cel": {"expression": 'device.attributes["gpu.example.com"].model == "a100"'}}],
                },
            }
        ]
    }
}


def of_devices():
    """A class, a slice with two devices that suit and one that does not, and a template for claims."""
    version = {"apiVersion": "resource.k8s.io/v1"}
    devices = [
        {"name": f"gpu-{number}", "attributes": {"model": {"string": model}}, "capacity": {"memory": {"value": "40Gi"}}}
        for number, model in enumerate(("t4", "a100", "a100"))
    ]
    published = {
        "driver": "gpu.example.com",
        "nodeName": "virtual-1",
        "pool": {"name": "virtual-1", "generation": 1, "resourceSliceCount": 1},
        "devices": devices,
    }
    chosen = {"selectors": [{"cel": {"expression": 'device.driver == "gpu.example.com"'}}]}
    yield {**version, "kind": "DeviceClass", "metadata": {"name": "gpu"}, "spec": chosen}
    yield {**version, "kind": "ResourceSlice", "metadata": {"name": "virtual-1-gpu"}, "spec": published}
    yield {**version, "kind": "ResourceClaimTemplate", "metadata": {"name": "gpu"}, "spec": {"spec": CLAIM_SPEC}}


def test_only_as_many_pods_run_as_there_are_devices(cluster):
    made, _ = cluster
    for each in of_devices():
        made.run(KUBECTL, "apply", "-f", "-", stdin=json.dumps(each))
    container = {"name": "c", "image": "example.org/any:1", "resources": {"claims": [{"name": "card"}]}}
    claims = [{"name": "card", "resourceClaimTemplateName": "gpu"}]
    template = {"metadata": {"labels": {"app": "gpu"}}, "spec": {"containers": [container], "resourceClaims": claims}}
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "gpu"}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "gpu"}, "spec": spec}
    made.run(KUBECTL, "apply", "-f", "-", stdin=json.dumps(deployment))

    def in_phase(phase):
        pods = made.get("pods", "-l", "app=gpu")["items"]
        return {p["metadata"]["name"] for p in pods if p["status"]["phase"] == phase}

    def waiting():
        (name,) = in_phase("Pending")
        said = made.run(KUBECTL, "describe", "pod", name).stdout
        return "1 cannot allocate all claims. still not schedulable, preemption: 0/1 nodes" in said

    eventually(lambda: len(in_phase("Running")) == 2)
    eventually(waiting)
    taken = [
        claim["status"]["allocation"]["devices"]["results"][0]["device"]
        for claim in made.get("resourceclaims")["items"]
        if claim.get("status", {}).get("allocation")
    ]
    assert sorted(taken) == ["gpu-1", "gpu-2"]
    first = min(in_phase("Running"))
    claim = made.get("pod", first)["status"]["resourceClaimStatuses"][0]["resourceClaimName"]
    assert claim.startswith(f"{first}-card-")
    assert "allocated,reserved" in made.run(KUBECTL, "get", "resourceclaim", claim).stdout
    described = made.run(KUBECTL, "describe", "resourceclaim", claim).stdout
    assert "gpu.example.com" in described
    assert first in described

    late = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "late", "labels": {"app": "gpu"}}}
    made.run(KUBECTL, "apply", "-f", "-", stdin=json.dumps({**late, "spec": template["spec"]}))
    eventually(lambda: "late" in in_phase("Pending"))
    made.run(KUBECTL, "delete", "deployment", "gpu")
    eventually(lambda: in_phase("Running") == {"late"})
    made.run(KUBECTL, "delete", "pod", "late")
    eventually(lambda: not made.get("resourceclaims")["items"])


def test_pods_share_a_claim_and_leave_a_device_that_breaks(cluster):
    made, _ = cluster
    for each in of_devices():
        made.run(KUBECTL, "apply", "-f", "-", stdin=json.dumps(each))
    claim = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "shared"}}
    made.run(KUBECTL, "apply", "-f", "-", stdin=json.dumps({**claim, "spec": CLAIM_SPEC}))
    container = {"name": "c", "image": "example.org/any:1", "resources": {"claims": [{"name": "card"}]}}
    spec = {"containers": [container], "resourceClaims": [{"name": "card", "resourceClaimName": "shared"}]}

    def run(name):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        made.run(KUBECTL, "apply", "-f", "-", stdin=json.dumps(pod))

    def phase(name):
        return next((p["status"]["phase"] for p in made.get("pods")["items"] if p["metadata"]["name"] == name), "")

    for name in ("one", "two"):
        run(name)
    eventually(lambda: phase("one") == phase("two") == "Running")
    held = made.get("resourceclaim", "shared")
    assert {each["name"] for each in held["status"]["reservedFor"]} == {"one", "two"}

    # a claim in use stays until the last of its users is gone
    made.run(KUBECTL, "delete", "resourceclaim", "shared", "--wait=false")
    run("three")
    eventually(
        lambda: 'resourceclaim "shared" is being deleted' in made.run(KUBECTL, "describe", "pod", "three").stdout
    )
    said = made.run(sys.executable, "-m", "kubern", "why", "three").stdout
    assert '"shared" is being deleted' in " ".join(said.split())
    made.run(KUBECTL, "delete", "pod", "one", "three")
    assert made.get("resourceclaim", "shared")["status"]["allocation"]
    taint = {"key": "broken", "effect": "NoExecute"}
    devices = made.get("resourceslice", "virtual-1-gpu")["spec"]["devices"]
    broken = {"spec": {"devices": [{**each, "taints": [taint]} for each in devices]}}
    made.run(KUBECTL, "patch", "resourceslice", "virtual-1-gpu", "--type=merge", "-p", json.dumps(broken))
    eventually(lambda: not phase("two"))
    eventually(lambda: not made.get("resourceclaims")["items"])
