"""The cluster's life cycle under attack: parts killed hard, commands at the wrong time, and what earlier runs left behind."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.cluster.conftest import KUBECTL, ROOT, Cluster, eventually
from tests.cluster.test_operation import host_network, traces

BUSYBOX = "localhost/kubern/busybox:1"
PORT = 31777
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "c", "image": BUSYBOX, "command": ["httpd", "-f", "-p", "8080", "-h", "/etc"]}],
            },
        },
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {
        "type": "NodePort",
        "selector": {"app": "web"},
        "ports": [{"port": 80, "targetPort": 8080, "nodePort": PORT}],
    },
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A cluster with two nodes that is killed, part by part, with a Service on it."""
    made = Cluster("kubern-faults", tmp_path_factory.mktemp("faults"))
    try:
        made.kubern("up", "--nodes", "2", "--port", "19443", timeout=180)
        made.apply(WEB, SERVICE)
        made.kubectl("rollout", "status", "deployment/web", "--timeout=60s", timeout=90)
        eventually(page, 20)
        yield made
    finally:
        made.kubern("down", check=False)
    assert traces(made) == []


@pytest.fixture
def fresh(tmp_path):
    """A cluster that does not exist yet; whatever a test makes of it is taken away."""
    made = Cluster("kubern-fresh", tmp_path / "home")
    (tmp_path / "home").mkdir()
    before = host_network()
    try:
        yield made
    finally:
        made.kubern("down", check=False)
    assert (traces(made), host_network()) == ([], before)


def command(cluster, *arguments, timeout=120, **environment):
    """Run `kubern …` and return its exit code and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "kubern", *arguments, "--name", cluster.name],
        capture_output=True, text=True, timeout=timeout, cwd=ROOT, env=cluster.environment | environment, check=False,
    )  # fmt: skip
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def page(port=PORT):
    """Return what the web pods serve, as the host sees it; nothing when they do not."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as link:
        link.settimeout(5)
        link.sendall(b"GET /passwd HTTP/1.0\r\n\r\n")
        # the client has said all it will: the answer must come all the same
        link.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: link.recv(65536), b"")).partition(b"\r\n\r\n")[2]
    return b""


def recorded(cluster, name):
    return json.loads((cluster.state / "processes" / f"{name}.json").read_text())["pid"]


def inside(cluster, node, program):
    """Return the pid of a program on a node, 0 while there is none."""
    for process in psutil.Process(recorded(cluster, node)).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if line and (Path(line[0]).name == program or program in line):
                return process.pid
    return 0


def containers(cluster):
    """Return what would change if anybody had touched the web pods' containers."""
    return {
        pod["metadata"]["name"]: [
            (each["containerID"], each["restartCount"], each["state"]["running"]["startedAt"])
            for each in pod["status"]["containerStatuses"]
        ]
        for pod in cluster.get("pods", "-l", "app=web")["items"]
    }


def runs_a_new_pod(cluster, name, node):
    container = {"name": "c", "image": BUSYBOX, "command": ["echo", "ran"]}
    spec = {"nodeName": node, "restartPolicy": "Never", "containers": [container]}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    eventually(lambda: cluster.get("pod", name)["status"].get("phase") == "Succeeded", 40)


class Asking:
    """Asks for the page again and again until told; `missed` counts the times it did not come."""

    def __enter__(self):
        self.asked = self.missed = 0
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def _ask(self):
        while not self._enough.is_set():
            self.asked += 1
            self.missed += b"root" not in page()

    def __exit__(self, *failure):
        self._enough.set()
        self._thread.join()


def test_nothing_answered_is_lost_when_the_control_plane_is_killed_under_load(faulty):
    before = containers(faulty)
    script = (
        f'n=0; while [ $n -lt 400 ]; do n=$((n+1)); "{KUBECTL}" create configmap load-$0-$n -o name || exit 0; done'
    )
    writers = [
        subprocess.Popen(
            ["sh", "-c", script, str(number)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=faulty.environment,
        )
        for number in range(2)
    ]  # fmt: skip
    try:
        eventually(lambda: faulty.kubectl("get", "configmaps", "-o", "name").count("/load-") > 10, 40)
        os.kill(recorded(faulty, "control-plane"), signal.SIGKILL)
        answered = [line for writer in writers for line in writer.communicate(timeout=30)[0].split()]
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    code, said = command(faulty, "status")
    assert (code, "stopped" in said) == (3, True)
    command(faulty, "start")
    assert command(faulty, "status")[0] == 0
    found = set(faulty.kubectl("get", "configmaps", "-o", "name").split())
    assert len(answered) > 10
    assert set(answered) <= found
    assert containers(faulty) == before
    eventually(page, 10)
    runs_a_new_pod(faulty, "after-control-plane", f"{faulty.name}-1")


@pytest.mark.parametrize("program", ["node-agent", "containerd"])
def test_a_program_of_a_node_that_is_killed_is_started_again_and_pods_do_not_notice(faulty, program):
    node = f"{faulty.name}-1"
    before = containers(faulty)
    with Asking() as asking:
        victim = inside(faulty, node, program)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: inside(faulty, node, program) not in (0, victim), 20)
        runs_a_new_pod(faulty, f"after-{program}", node)
    assert asking.asked > 10
    assert asking.missed == 0
    assert containers(faulty) == before
    ready = {c["type"]: c["status"] for c in faulty.get("node", node)["status"]["conditions"]}["Ready"]
    assert ready == "True"


def test_a_cable_that_is_pulled_is_plugged_in_by_up(faulty):
    fabric = f"kubern.{faulty.name}.fabric"
    subprocess.run(["ip", "-n", fabric, "link", "delete", "n2"], check=True, timeout=10)
    command(faulty, "start")
    assert subprocess.run(["ip", "-n", fabric, "link", "show", "n2"], capture_output=True, check=False).returncode == 0
    runs_a_new_pod(faulty, "after-cable", f"{faulty.name}-2")


def test_many_connections_at_once_to_a_node_port_on_loopback(faulty):
    links = [socket.create_connection(("127.0.0.1", PORT), 10) for _ in range(200)]
    try:
        for link in links:
            link.settimeout(20)
            link.sendall(b"GET /passwd HTTP/1.0\r\n\r\n")
        answers = [b"".join(iter(lambda link=link: link.recv(65536), b"")) for link in links]
    finally:
        for link in links:
            link.close()
    assert sum(b"root" in answer for answer in answers) == 200


def test_a_node_port_that_is_taken_on_the_host_is_left_to_its_owner(faulty):
    with socket.socket() as owner:
        owner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        owner.bind(("127.0.0.1", PORT + 1))
        owner.listen()
        port = SERVICE["spec"]["ports"][0] | {"nodePort": PORT + 1}
        faulty.apply(SERVICE | {"metadata": {"name": "taken"}, "spec": SERVICE["spec"] | {"ports": [port]}})
        log = faulty.state / "logs/control-plane.log"
        eventually(lambda: f"node port {PORT + 1} is not served" in log.read_text(), 10)
    assert b"root" in page()
    faulty.kubectl("delete", "service", "taken")


def test_a_second_start_and_stop_do_no_harm(faulty):
    pids = {each.name: each.read_text() for each in (faulty.state / "processes").glob("*.json")}
    assert command(faulty, "up")[0] == 0
    assert {each.name: each.read_text() for each in (faulty.state / "processes").glob("*.json")} == pids


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither an OCI nor a Docker"),
        (os.urandom(5000), "neither an OCI nor a Docker"),
        (b"\x1f\x8b\x08\x00cut off", "neither an OCI nor a Docker"),
    ],
    ids=["empty", "junk", "cut off"],
)
def test_junk_is_no_image(faulty, tmp_path, content, reason):
    (tmp_path / "junk.tar").write_bytes(content)
    code, said = command(faulty, "image", "load", str(tmp_path / "junk.tar"))
    assert (code, reason in said) == (1, True), said


def test_an_image_that_no_node_takes_is_not_kept(faulty, tmp_path):
    """It would be imported at every start, and so no node would ever start again."""
    manifest = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{0:064}", "size": 5}
    manifest["annotations"] = {"io.containerd.image.name": "localhost/bad:1"}
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    subprocess.run(["tar", "-cf", "bad.tar", "oci-layout", "index.json"], cwd=tmp_path, check=True)
    code, said = command(faulty, "image", "load", str(tmp_path / "bad.tar"))
    assert (code, "not found" in said) == (1, True), said
    assert [each.name for each in (faulty.state / "images").iterdir()] == ["base.tar"]


@pytest.mark.parametrize(
    ("dockerfile", "tag", "reason"),
    [
        ("FROB x", "a:1", "unknown instruction FROB"),
        ("", "a:1", "no FROM"),
        (f"FROM {BUSYBOX}\nRUN exit 7", "a:1", "line 2: RUN ended with 7"),
        (f"FROM {BUSYBOX}\nCOPY nothing /", "a:1", "nothing matches"),
        (f"FROM {BUSYBOX}", "Not/A:::name", "no image name"),
    ],
)
def test_a_build_that_fails_says_where(faulty, tmp_path, dockerfile, tag, reason):
    (tmp_path / "Dockerfile").write_text(dockerfile)
    code, said = command(faulty, "image", "build", str(tmp_path), "--tag", tag)
    assert (code, reason in said) == (1, True), said


def test_keys_and_settings_are_the_owners_alone_and_logs_tell_no_secrets(faulty):
    secret = "c2VjcmV0LW9mLXRoZS10ZXN0"
    faulty.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": secret}})
    container = {"name": "c", "image": BUSYBOX, "command": ["cat", "/s/k"]}
    container |= {"volumeMounts": [{"name": "s", "mountPath": "/s"}]}
    spec = {"restartPolicy": "Never", "volumes": [{"name": "s", "secret": {"secretName": "s"}}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader"}}
    faulty.apply(pod | {"spec": spec | {"containers": [container]}})
    eventually(lambda: faulty.get("pod", "reader")["status"].get("phase") == "Succeeded", 30)
    modes = {file: stat.S_IMODE(file.stat().st_mode) for file in (faulty.state, faulty.home / "kubeconfig")}
    modes |= {file: stat.S_IMODE(file.stat().st_mode) for file in (faulty.state / "pki").rglob("*.key")}
    modes |= {file: stat.S_IMODE(file.stat().st_mode) for file in faulty.state.rglob("*.kubeconfig")}
    assert len(modes) > 10
    assert {file: oct(mode) for file, mode in modes.items() if mode & 0o077} == {}
    logs = [*(faulty.state / "logs").iterdir(), *faulty.state.glob("nodes/*/logs/*.log")]
    assert len(logs) == 7
    tokens = re.compile(rf"{secret}|secret-of-the-test|PRIVATE KEY|eyJhbGciOi")
    assert [log.name for log in logs if tokens.search(log.read_text(errors="replace"))] == []


def test_of_two_ups_at_once_one_is_told_to_wait_and_ctrl_c_takes_everything_back(fresh):
    first = subprocess.Popen(
        [sys.executable, "-m", "kubern", "up", "--name", fresh.name, "--port", "20443"],
        cwd=ROOT, env=fresh.environment, stderr=subprocess.PIPE, text=True,
        # a test runner in the background has Ctrl-C switched off, and its children with it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        eventually(lambda: (fresh.state / "processes/control-plane.json").exists(), 30, every=0.005)
        first.send_signal(signal.SIGSTOP)
        code, said = command(fresh, "up")
        assert (code, "another kubern command is changing the cluster" in said) == (1, True), said
        first.send_signal(signal.SIGINT)
        first.send_signal(signal.SIGCONT)
        said = first.communicate(timeout=60)[1]
    finally:
        first.kill()
        first.wait()
    assert (first.returncode, "interrupted" in said) == (130, True), said
    assert traces(fresh) == []
    assert not (fresh.home / "kubeconfig").exists()


def test_leftovers_of_a_crashed_run_are_mended_and_a_busy_port_is_passed_over(fresh):
    """Half a switch, a namespace that is none, a cgroup, and records that point at a stranger."""
    name = f"kubern.{fresh.name}"
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["ip", "netns", "add", f"{name}.fabric"], check=True, timeout=10)
    subprocess.run(["ip", "-n", f"{name}.fabric", "link", "add", "br0", "type", "bridge"], check=True, timeout=10)
    Path(f"/run/netns/{name}.{fresh.name}-1").touch()
    for hierarchy in Path("/sys/fs/cgroup").glob("*"):
        if (hierarchy / "cgroup.procs").exists():
            (hierarchy / name / f"{fresh.name}-1" / "pod").mkdir(parents=True)
    (fresh.state / "processes").mkdir(parents=True)
    stranger = {"pid": os.getpid(), "started": 1.0}
    (fresh.state / "processes/control-plane.json").write_text(json.dumps(stranger))
    (fresh.state / f"processes/{fresh.name}-1.json").write_text("[1]")
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        code, said = command(fresh, "up", "--port", str(port))
        assert (code, f"port {port} is taken" in said) == (0, True), said
        assert [node["metadata"]["name"] for node in fresh.get("nodes")["items"]] == [f"{fresh.name}-1"]
    # killed, all of it, and its records lost: down finds it all the same
    for record in (fresh.state / "processes").glob("*.json"):
        record.unlink()
    (fresh.state / "cluster.json").write_text('{"name": ')
    for verb in ("up", "start", "stop", "status"):
        code, said = command(fresh, verb)
        assert (code, "is not a cluster's settings" in said, "kubern down" in said) == (1, True, True), said
    assert command(fresh, "down")[0] == 0
    assert traces(fresh) == []


def test_what_was_killed_hard_is_taken_away(fresh):
    assert command(fresh, "up", "--port", "20443", "--nodes", "2")[0] == 0
    fresh.apply(WEB)
    fresh.kubectl("rollout", "status", "deployment/web", "--timeout=60s", timeout=90)
    for record in (fresh.state / "processes").glob("*.json"):
        os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)
    assert command(fresh, "down")[0] == 0
    assert traces(fresh) == []


def test_commands_at_the_wrong_time_say_so(fresh):
    for verb in ("stop", "start", "status"):
        code, said = command(fresh, verb)
        assert (code, "there is no cluster" in said) == (1, True), said
    for _ in range(2):
        code, said = command(fresh, "down")
        assert (code, "There was no cluster" in said) == (0, True), said
    assert command(fresh, "up", "--nodes", "0", "--virtual-nodes", "2", "--port", "20443")[0] == 0
    for _ in range(2):
        assert command(fresh, "stop")[0] == 0
        assert command(fresh, "status")[0] == 3
    code, said = command(fresh, "image", "load", str(ROOT / "README.md"))
    assert (code, "needs nodes" in said or "need nodes" in said) == (1, True), said


def test_a_cluster_of_the_same_name_from_another_place_is_left_alone(faulty, tmp_path):
    other = {"KUBERN_HOME": str(tmp_path / "elsewhere")}
    for verb in ("up", "down"):
        code, said = command(faulty, verb, **other)
        assert (code, str(faulty.state) in said) == (1, True), said
    assert b"root" in page()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("content", ["{not: [yaml", "- 1", None], ids=["malformed", "a list", "a directory"])
def test_a_kubeconfig_that_cannot_be_changed_is_said_before_anything_is_started(fresh, content):
    file = fresh.home / "kubeconfig"
    if content is None:
        file.mkdir()
    else:
        file.write_text(content)
    code, said = command(fresh, "up", "--port", "20443")
    assert (code, "or set KUBECONFIG to another file" in said) == (1, True), said
    assert traces(fresh) == []
    assert file.is_dir() if content is None else file.read_text() == content


def test_a_disk_that_is_full_is_said_before_anything_is_started(fresh, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", str(small)], check=True, timeout=10)
    try:
        code, said = command(fresh, "up", KUBERN_HOME=str(small / "home"))
        assert (code, "MB are free" in said) == (1, True), said
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True, timeout=10)
