"""Load on a Service doubles the pods behind it, and they go away when it ends: counters of real containers, metrics, autoscaler."""

from tests.cluster.conftest import eventually

BUSYBOX = "localhost/kubern/busybox:1"
BURN = r"""mkdir -p /www/cgi-bin
printf '#!/bin/sh\ni=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\necho; echo done\n' > /www/cgi-bin/burn
chmod +x /www/cgi-bin/burn
exec httpd -f -p 8080 -h /www"""
LIMIT = {"requests": {"cpu": "50m"}, "limits": {"cpu": "200m"}}


def objects(namespace):
    labels = {"app": "web"}
    container = {"name": "web", "image": BUSYBOX, "command": ["sh", "-c", BURN], "resources": LIMIT}
    container["readinessProbe"] = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}
    at_once = {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    }
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 150}}
    return [
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {
                "minReplicas": 1, "maxReplicas": 2,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [{"type": "Resource", "resource": cpu}],
                "behavior": {"scaleUp": at_once, "scaleDown": at_once},
            },
        },
    ]  # fmt: skip


def test_load_on_a_service_doubles_its_pods_and_they_go_away_afterwards(cluster, namespace):
    cluster.apply(*objects(namespace))

    def ready():
        return cluster.get("deployment", "web", "-n", namespace)["status"].get("readyReplicas", 0)

    eventually(lambda: ready() == 1)
    ask = f"while true; do wget -q -O /dev/null http://web.{namespace}/cgi-bin/burn || sleep 1; done"
    load = {"name": "load", "image": BUSYBOX, "command": ["sh", "-c", ask], "resources": LIMIT}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [load]}
    cluster.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "load", "namespace": namespace}, "spec": spec}
    )
    eventually(lambda: ready() == 2, 120, 0.5)
    shown = eventually(lambda: cluster.kubectl("top", "pods", "-n", namespace, "--containers", "--no-headers"), 60, 0.5)
    rows = {row.split()[1]: row.split()[2:] for row in shown.splitlines()}
    assert 0 < int(rows["web"][0].removesuffix("m")) <= 230
    assert rows["web"][1].endswith("Mi")
    assert len(cluster.kubectl("top", "nodes", "--no-headers").splitlines()) == 3
    cluster.kubectl("delete", "pod", "load", "-n", namespace, "--grace-period=0", "--force")
    eventually(lambda: ready() == 1, 120, 0.5)
    reasons = {
        event["message"]
        for event in cluster.get("events", "-n", namespace)["items"]
        if event["reason"] == "SuccessfulRescale"
    }
    assert "New size: 1; reason: All metrics below target" in reasons
