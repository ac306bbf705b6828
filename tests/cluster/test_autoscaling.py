"""Load on Services doubles the pods behind them, on CPU and on requests a second, and they go away when it ends: counters of real
containers and what pods tell of themselves, metrics APIs, autoscalers."""

from tests.cluster.conftest import eventually

BUSYBOX = "localhost/kubern/busybox:1"
SERVE = r"""mkdir -p /www/cgi-bin
printf '#!/bin/sh\nprintf x >> /asked\ni=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\necho; echo done\n' > /www/cgi-bin/burn
printf '#!/bin/sh\necho; echo "# TYPE http_requests_total counter"; echo "http_requests_total $(wc -c < /asked)"\n' > /www/cgi-bin/metrics
chmod +x /www/cgi-bin/*
touch /asked
exec httpd -f -p 8080 -h /www"""
LIMIT = {"requests": {"cpu": "50m"}, "limits": {"cpu": "200m"}}
TOLD = {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": "8080",
    "prometheus.io/path": "/cgi-bin/metrics",
}
METRICS = {
    "cpu": {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 150}},
    },
    "rps": {
        "type": "Pods",
        "pods": {
            "metric": {"name": "http_requests_per_second"},
            "target": {"type": "AverageValue", "averageValue": "1"},
        },
    },
}


def objects(namespace, name):
    labels = {"app": name}
    container = {"name": "web", "image": BUSYBOX, "command": ["sh", "-c", SERVE], "resources": LIMIT}
    container["readinessProbe"] = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    template = {
        "metadata": {"labels": labels, "annotations": TOLD},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    at_once = {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
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
                "behavior": {"scaleUp": at_once, "scaleDown": at_once},
            },
        },
    ]  # fmt: skip


def test_load_on_services_doubles_their_pods_and_they_go_away_afterwards(cluster, namespace):
    cluster.apply(*objects(namespace, "cpu"), *objects(namespace, "rps"))

    def ready():
        return [
            cluster.get("deployment", name, "-n", namespace)["status"].get("readyReplicas", 0)
            for name in ("cpu", "rps")
        ]

    eventually(lambda: ready() == [1, 1])
    ask = "; ".join(f"wget -q -O /dev/null http://{name}.{namespace}/cgi-bin/burn || sleep 1" for name in METRICS)
    command = ["sh", "-c", f"while true; do {ask}; done"]
    load = {"name": "load", "image": BUSYBOX, "command": command, "resources": LIMIT}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [load]}
    cluster.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "load", "namespace": namespace}, "spec": spec}
    )
    eventually(lambda: ready() == [2, 2], 150, 0.5)
    shown = eventually(lambda: cluster.kubectl("top", "pods", "-n", namespace, "--containers", "--no-headers"), 60, 0.5)
    rows = {row.split()[1]: row.split()[2:] for row in shown.splitlines()}
    assert 0 < int(rows["load"][0].removesuffix("m")) <= 230
    assert rows["web"][1].endswith("Mi")
    assert len(cluster.kubectl("top", "nodes", "--no-headers").splitlines()) == 3
    cluster.kubectl("delete", "pod", "load", "-n", namespace, "--grace-period=0", "--force")
    eventually(lambda: ready() == [1, 1], 150, 0.5)
    events = cluster.get("events", "-n", namespace)["items"]
    said = {(e["involvedObject"]["name"], e["message"]) for e in events if e["reason"] == "SuccessfulRescale"}
    assert ("rps", "New size: 2; reason: pods metric http_requests_per_second above target") in said
    assert {name for name, message in said if message == "New size: 1; reason: All metrics below target"} == {
        "cpu",
        "rps",
    }
