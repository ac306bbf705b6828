"""Storage that is asked for without a word about where: made on the pod's node, there again for the next pod, gone with its claim."""

from __future__ import annotations

from tests.cluster.conftest import eventually

BUSYBOX = "localhost/kubern/busybox:1"


def stateful_set(namespace):
    """A database of one that writes down how often it was started."""
    command = "echo started >> /data/log; echo ready; trap exit TERM; while :; do sleep 0.1; done"
    container = {
        "name": "c",
        "image": BUSYBOX,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", command],
        "securityContext": {"runAsUser": 1000},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": namespace},
        "spec": {
            "replicas": 1,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }


def running(cluster, namespace):
    """Return the database's pod once it runs."""
    pods = cluster.get("pods", "-n", namespace)["items"]
    return next(
        (p for p in pods if p["status"].get("phase") == "Running" and not p["metadata"].get("deletionTimestamp")), None
    )


def test_a_database_finds_its_data_again_and_a_deleted_claim_takes_it_away(cluster, namespace):
    cluster.apply(stateful_set(namespace))
    first = eventually(lambda: running(cluster, namespace))
    claim = cluster.get("pvc", "data-db-0", "-n", namespace)
    assert claim["spec"]["storageClassName"] == "standard"
    assert claim["status"] | {"phase": "Bound", "capacity": {"storage": "1Gi"}} == claim["status"]
    volume = cluster.get("pv", claim["spec"]["volumeName"])
    folder = cluster.state / "volumes" / volume["metadata"]["name"]
    eventually(lambda: (folder / "log").exists())

    cluster.kubectl("delete", "pod", "db-0", "-n", namespace)
    second = eventually(lambda: running(cluster, namespace))
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert second["spec"]["nodeName"] == first["spec"]["nodeName"]
    eventually(lambda: (folder / "log").read_text().split() == ["started"] * 2)
    for number in range(3000):
        (folder / str(number)).touch()

    cluster.kubectl("patch", "pvc", "data-db-0", "-n", namespace, "--type=merge", "-p",
                    '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}')  # fmt: skip
    eventually(lambda: cluster.get("pvc", "data-db-0", "-n", namespace)["status"]["capacity"] == {"storage": "2Gi"})
    assert cluster.get("pv", volume["metadata"]["name"])["spec"]["capacity"] == {"storage": "2Gi"}

    cluster.kubectl("delete", "statefulset", "db", "-n", namespace)
    cluster.kubectl("delete", "pvc", "data-db-0", "-n", namespace)
    eventually(lambda: not cluster.kubectl("get", "pv", volume["metadata"]["name"], "--ignore-not-found"))
    assert not folder.exists()
    eventually(lambda: not [each for each in folder.parent.iterdir() if each.name.startswith("end-")])


def test_a_claim_that_a_pod_brings_along_goes_with_it(cluster, namespace):
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    container = {
        "name": "c",
        "image": BUSYBOX,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "touch /scratch/here; trap exit TERM; while :; do sleep 0.1; done"],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}]
    spec = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 1}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "spec": spec})
    eventually(lambda: running(cluster, namespace))
    name = cluster.get("pvc", "p-scratch", "-n", namespace)["spec"]["volumeName"]
    folder = cluster.state / "volumes" / name
    eventually(lambda: (folder / "here").exists())
    cluster.kubectl("delete", "pod", "p", "-n", namespace)
    eventually(lambda: not cluster.kubectl("get", "pvc", "p-scratch", "-n", namespace, "--ignore-not-found"))
    eventually(lambda: not cluster.kubectl("get", "pv", name, "--ignore-not-found"))
    assert not folder.exists()
