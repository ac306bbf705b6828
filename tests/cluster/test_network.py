"""Pods, Services and names on three nodes, asked from inside pods."""

import subprocess
import sys

import pytest

from tests.cluster.conftest import eventually

BUSYBOX = "localhost/kubern/busybox:1"
STAY = "trap 'exit 0' TERM; sleep 36000 & wait"
SERVE = "mkdir /tmp/w; hostname > /tmp/w/name; trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp/w & wait"


class Net:
    """A namespace with a server on every node and a client on the first."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.namespace = "net"
        self.nodes = [n["metadata"]["name"] for n in cluster.get("nodes")["items"]]

    def pod(self, name, node, command, **spec):
        meta = {"name": name, "namespace": self.namespace, "labels": {"app": name.partition("-")[0]}}
        container = {"name": "c", "image": BUSYBOX, "command": ["sh", "-c", command]}
        spec = {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 1} | spec
        return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}

    def service(self, name, **spec):
        meta = {"name": name, "namespace": self.namespace}
        spec = {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]} | spec
        self.cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
        return self.cluster.get("service", name, "-n", self.namespace)["spec"]

    def ready(self, service, count):
        """Wait until the Service lists that many ready endpoints."""
        slices = ("endpointslices", "-n", self.namespace, "-l", f"kubernetes.io/service-name={service}")
        eventually(lambda: self._ready(slices) == count, 30)

    def _ready(self, slices):
        items = self.cluster.get(*slices)["items"]
        return sum(e["conditions"]["ready"] for each in items for e in each.get("endpoints") or ())

    def run(self, pod, *command):
        """Return what a command in a pod printed."""
        return self.cluster.kubectl("exec", "-n", self.namespace, pod, "--", *command, check=False).strip()

    def fetch(self, pod, url):
        return self.run(pod, "timeout", "3", "wget", "-q", "-O", "-", url)

    def answers(self, pod, url, times=12):
        """Return who answered when asked again and again, in one exec."""
        script = f"for i in $(seq {times}); do timeout 3 wget -q -O - {url} || echo nobody; done"
        return self.run(pod, "sh", "-c", script).split()


@pytest.fixture(scope="module")
def net(cluster):
    made = Net(cluster)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.namespace}})
    eventually(lambda: cluster.kubectl("get", "serviceaccount", "default", "-n", made.namespace, check=False))
    servers = [made.pod(f"server-{i}", node, SERVE) for i, node in enumerate(made.nodes)]
    cluster.apply(*servers, made.pod("client", made.nodes[0], STAY))
    cluster.kubectl("wait", "-n", made.namespace, "--for=condition=Ready", "pod", "--all", "--timeout=60s", timeout=90)
    yield made
    cluster.kubectl("delete", "namespace", made.namespace, "--wait=false")


SERVERS = {"server-0", "server-1", "server-2"}


def test_every_pod_reaches_every_pod_by_its_address(net):
    pods = {p["metadata"]["name"]: p["status"]["podIP"] for p in net.cluster.get("pods", "-n", "net")["items"]}
    for source in SERVERS:
        found = {net.fetch(source, f"http://{pods[target]}:8080/name") for target in SERVERS}
        assert found == SERVERS


def test_a_service_spreads_over_its_pods_and_reaches_the_asker_itself(net):
    address = net.service("spread")["clusterIP"]
    net.ready("spread", 3)
    for pod in ("client", "server-0"):
        assert set(net.answers(pod, f"http://{address}/name", 40)) == SERVERS


def test_traffic_stays_near_where_the_service_prefers_it(net):
    for node, zone in zip(net.nodes, "aab", strict=True):
        net.cluster.kubectl("label", "node", node, f"topology.kubernetes.io/zone={zone}", "--overwrite")
    try:
        zone = net.service("zone", trafficDistribution="PreferSameZone")["clusterIP"]
        same = net.service("node", trafficDistribution="PreferSameNode")["clusterIP"]
        eventually(lambda: set(net.answers("client", f"http://{same}/name")) == {"server-0"}, 30)
        eventually(lambda: set(net.answers("client", f"http://{zone}/name", 30)) == {"server-0", "server-1"}, 30)
        assert set(net.answers("server-2", f"http://{zone}/name")) == {"server-2"}
    finally:
        net.cluster.kubectl("label", "nodes", "--all", "topology.kubernetes.io/zone-")
    eventually(lambda: set(net.answers("client", f"http://{zone}/name", 40)) == SERVERS, 30)


def test_session_affinity_keeps_a_client_at_its_pod(net):
    address = net.service("sticky", sessionAffinity="ClientIP")["clusterIP"]
    net.ready("sticky", 3)
    assert len(set(net.answers("client", f"http://{address}/name"))) == 1


def test_node_ports_answer_on_every_node_and_local_ones_with_local_pods(net):
    spec = {"type": "NodePort", "ports": [{"port": 80, "targetPort": 8080, "nodePort": 30123}]}
    net.service("ports", **spec)
    net.service(
        "local",
        type="NodePort",
        externalTrafficPolicy="Local",
        ports=[{"port": 80, "targetPort": 8080, "nodePort": 30124}],
    )
    net.ready("ports", 3)
    net.ready("local", 3)
    addresses = [
        next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
        for node in net.cluster.get("nodes")["items"]
    ]
    for address in addresses:
        assert set(net.answers("client", f"http://{address}:30123/name", 40)) == SERVERS


def test_every_nodes_proxy_tells_its_health_and_on_the_node_its_numbers(net):
    for node in net.cluster.get("nodes")["items"]:
        address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
        assert '"nodeEligible": true' in net.fetch("client", f"http://{address}:10256/healthz")
    net.cluster.apply(net.pod("scraper", net.nodes[0], STAY, hostNetwork=True))
    net.cluster.kubectl("wait", "-n", "net", "--for=condition=Ready", "pod/scraper", "--timeout=60s", timeout=90)
    shown = net.fetch("scraper", "http://127.0.0.1:10249/metrics").splitlines()
    synced = next(line for line in shown if line.startswith("kubeproxy_sync_proxy_rules_duration_seconds_count "))
    assert int(synced.split()[1]) > 0
    assert any(line.startswith('rest_client_requests_total{code="200"') for line in shown)
    assert net.fetch("scraper", "http://127.0.0.1:10249/proxyMode") == "nftables"
    assert "refused" in net.run(
        "client", "sh", "-c", f"timeout 3 wget -q -O - http://{address}:10249/metrics 2>&1; true"
    )


ASK = """
import ssl, sys, urllib.error, urllib.request
url, ca, token = sys.argv[1:]
request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"} if token else {})
try:
    print(urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca), timeout=20).read().decode())
except urllib.error.HTTPError as error:
    print(error.code)
"""


def test_scheduler_and_controllers_tell_of_themselves_where_nodes_and_pods_are(net):
    """Asked from inside a node's network, and trusting the cluster's own authority, as a monitoring pod does."""
    node = f"/run/netns/kubern.{net.cluster.name}.{net.nodes[0]}"
    binding = ("clusterrolebinding", "scraper", "--clusterrole=system:monitoring", "--serviceaccount=net:default")
    net.cluster.kubectl("create", *binding)
    token = net.cluster.kubectl("create", "token", "default", "-n", "net").strip()

    def ask(url, token=""):
        command = [
            "nsenter",
            f"--net={node}",
            sys.executable,
            "-c",
            ASK,
            url,
            str(net.cluster.state / "pki" / "ca.crt"),
            token,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=40, check=True).stdout.strip()

    try:
        for port, metric in ((10259, "scheduler_pending_pods{"), (10257, "workqueue_depth{")):
            assert ask(f"https://172.30.0.1:{port}/readyz") == "ok"
            assert ask(f"https://172.30.0.1:{port}/metrics") == "403"
            assert f"\n{metric}" in ask(f"https://172.30.0.1:{port}/metrics", token)
    finally:
        net.cluster.kubectl("delete", "clusterrolebinding", "scraper")


def test_what_nobody_serves_is_refused_at_once(net):
    empty = net.service("empty", selector={"app": "nobody"})["clusterIP"]
    full = net.service("full")["clusterIP"]
    net.ready("full", 3)
    for url in (f"http://{empty}/", f"http://{full}:81/"):
        said = net.run("client", "sh", "-c", f"timeout 3 wget -q -O - {url} 2>&1; true")
        assert "refused" in said, url


def test_names(net):
    address = net.service("named", ports=[{"name": "http", "port": 80, "targetPort": 8080}])["clusterIP"]
    net.service("headless", clusterIP="None")
    net.ready("headless", 3)
    assert address in net.run("client", "nslookup", "named.net.svc.cluster.local")
    assert net.fetch("client", "http://named/name") in SERVERS
    assert net.fetch("client", "http://named.net/name") in SERVERS
    pods = {p["status"]["podIP"] for p in net.cluster.get("pods", "-n", "net", "-l", "app=server")["items"]}

    def answered():
        said = net.run("client", "nslookup", "headless.net.svc.cluster.local")
        return all(ip in said for ip in pods)

    eventually(answered, 10)
    assert "NXDOMAIN" in net.run("client", "sh", "-c", "nslookup nobody.net.svc.cluster.local 2>&1; true")


def test_a_pod_on_the_nodes_own_network_uses_services_too(net):
    address = net.service("fromnode")["clusterIP"]
    net.ready("fromnode", 3)
    net.cluster.apply(net.pod("hostnet", net.nodes[0], STAY, hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"))
    net.cluster.kubectl("wait", "-n", "net", "--for=condition=Ready", "pod/hostnet", "--timeout=30s")
    assert set(net.answers("hostnet", f"http://{address}/name", 40)) == SERVERS
    assert net.fetch("hostnet", "http://fromnode.net/name") in SERVERS


def test_a_pod_knows_the_apiserver_and_is_somebody_there(net):
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert net.run("client", "sh", "-c", "echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT") == "10.96.0.1:443"
    assert net.run("client", "ls", folder).split() == ["ca.crt", "namespace", "token"]
    assert net.run("client", "cat", f"{folder}/namespace") == "net"
    token = net.run("client", "cat", f"{folder}/token")
    server = net.cluster.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    asking = ("--kubeconfig=/dev/null", f"--server={server}", "--insecure-skip-tls-verify", f"--token={token}")
    process = net.cluster.popen(
        *asking, "get", "pods", "-n", "net", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _, complaint = process.communicate(timeout=30)
    assert 'User "system:serviceaccount:net:default" cannot list resource "pods"' in complaint
