"""Load on Services doubles the pods behind them, on CPU and on requests a second, and they go away when it ends: counters of real
containers and what pods tell of themselves, metrics APIs, autoscalers.

How slow the machine is does not matter: the load is many times what the targets allow, and `maxReplicas` caps what comes of it.
"""

import pytest

from tests.cluster.conftest import eventually

BUSYBOX = "localhost/kubern/busybox:1"
SERVE = r"""mkdir -p /www/cgi-bin
printf '#!/bin/sh\ni=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\necho; echo done\n' > /www/cgi-bin/burn
printf '#!/bin/sh\nprintf x >> /asked\necho; echo done\n' > /www/cgi-bin/count
printf '#!/bin/sh\necho; echo "# TYPE http_requests_total counter"\n' > /www/cgi-bin/metrics
printf 'echo "http_requests_total $(wc -c < /asked)"\n' >> /www/cgi-bin/metrics
chmod +x /www/cgi-bin/*
touch /asked
exec httpd -f -p 8080 -h /www"""
LIMIT = {"requests": {"cpu": "50m"}, "limits": {"cpu": "200m"}}
TOLD = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/cgi-bin/metrics"}
ASKED = {"cpu": "burn", "rps": "count"}
"""What the load asks of each Service: burning takes all that its pod may have, counting costs next to nothing."""
PAUSE = {"cpu": 0, "rps": 0.2}
"""Seconds between four asks: so a dozen a second are counted, where one in five seconds is too many."""
METRICS = {
    "cpu": {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
    },
    "rps": {
        "type": "Pods",
        "pods": {
            "metric": {"name": "http_requests_per_second"},
            "target": {"type": "AverageValue", "averageValue": "200m"},
        },
    },
}
AT_ONCE = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}
GROWN = {
    ("cpu", "New size: 2; reason: cpu resource utilization (percentage of request) above target"),
    ("rps", "New size: 2; reason: pods metric http_requests_per_second above target"),
}
SHRUNK = {(name, "New size: 1; reason: All metrics below target") for name in METRICS}


def objects(namespace, name):
    labels = {"app": name}
    container = {"name": name, "image": BUSYBOX, "command": ["sh", "-c", SERVE], "resources": LIMIT}
    container["readinessProbe"] = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    template = {
        "metadata": {"labels": labels, "annotations": TOLD},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    return [
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "minReplicas": 1, "maxReplicas": 2,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "metrics": [METRICS[name]],
                "behavior": {"scaleUp": AT_ONCE, "scaleDown": AT_ONCE},
            },
        },
    ]  # fmt: skip


def load(namespace):
    """A pod that asks each Service all the time: four times a loop, so that starting `wget` is the smaller part of it."""
    containers = []
    for name, path in ASKED.items():
        urls = " ".join([f"http://{name}.{namespace}/cgi-bin/{path}"] * 4)
        ask = f"while true; do wget -q -O /dev/null {urls} || sleep 1; sleep {PAUSE[name]}; done"
        containers.append(
            {"name": f"ask-{name}", "image": BUSYBOX, "command": ["sh", "-c", ask], "resources": LIMIT}
        )  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "load", "namespace": namespace},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": containers},
    }


@pytest.mark.timeout(300)
def test_load_on_services_doubles_their_pods_and_they_go_away_afterwards(cluster, namespace):
    cluster.apply(*objects(namespace, "cpu"), *objects(namespace, "rps"), load(namespace))

    def ready():
        found = cluster.get("deployments", "-n", namespace)["items"]
        return {each["metadata"]["name"]: each["status"].get("readyReplicas", 0) for each in found}

    def burning():
        shown = cluster.kubectl("top", "pods", "-n", namespace, "--containers", "--no-headers")
        rows = [row.split()[1:] for row in shown.splitlines() if row.split()[1] == "cpu"]
        return [row for row in rows if row[1] != "0m"]

    def rescaled():
        events = cluster.get("events", "-n", namespace)["items"]
        return {(e["involvedObject"]["name"], e["message"]) for e in events if e["reason"] == "SuccessfulRescale"}

    eventually(lambda: ready() == {"cpu": 2, "rps": 2}, 150, 0.5)
    for _, cpu, memory in eventually(burning, 60, 0.5):
        assert int(cpu.removesuffix("m")) <= 230
        assert memory.endswith("Mi")
    assert len(cluster.kubectl("top", "nodes", "--no-headers").splitlines()) == 3
    eventually(lambda: rescaled() >= GROWN)
    cluster.kubectl("delete", "pod", "load", "-n", namespace, "--grace-period=0", "--force")
    eventually(lambda: ready() == {"cpu": 1, "rps": 1}, 150, 0.5)
    eventually(lambda: rescaled() >= SHRUNK)
