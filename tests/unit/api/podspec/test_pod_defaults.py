"""What upstream stores of a pod that says little."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api.podspec.create import prepare_pod, validate_new_pod
from kubern.api.podspec.defaults import default_pod, default_pod_template
from kubern.api.podspec.images import pull_policy
from kubern.base.errors import BadRequest
from kubern.base.json import Obj


def pod(container: Obj | None = None, **spec: Any) -> Obj:
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i:1", **(container or {})}], **spec},
    }


def defaulted(container: Obj | None = None, **spec: Any) -> Obj:
    made = pod(container, **spec)
    default_pod(made)
    return dict(made["spec"])


def test_a_small_pod_is_stored_with_every_default() -> None:
    assert defaulted() == {
        "containers": [
            {
                "name": "c",
                "image": "i:1",
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


def test_a_template_gets_neither_service_links_nor_requests_nor_host_ports() -> None:
    container = {"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}}, "ports": [{"containerPort": 80}]}
    template: Obj = {"spec": {"hostNetwork": True, "containers": [container]}}
    default_pod_template(template)
    spec = template["spec"]
    assert "enableServiceLinks" not in spec
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "1"}}
    assert spec["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_defaults_change_nothing_the_second_time() -> None:
    made = pod(
        {"resources": {"limits": {"cpu": "0.1"}}}, volumes=[{"name": "v"}, {"name": "s", "secret": {"secretName": "x"}}]
    )
    default_pod(made)
    first = repr(made)
    default_pod(made)
    assert repr(made) == first


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        ("localhost:5000/nginx", "Always"),
        ("localhost:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:" + "0" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "0" * 64, "Always"),
    ],
)
def test_the_tag_decides_about_pulling(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"ports": [{"containerPort": 80}]}, {"ports": [{"containerPort": 80, "protocol": "TCP"}]}),
        (
            {"livenessProbe": {"httpGet": {"port": 80}}},
            {
                "livenessProbe": {
                    "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                }
            },
        ),
        (
            {"lifecycle": {"preStop": {"httpGet": {"port": 1}}}},
            {"lifecycle": {"preStop": {"httpGet": {"port": 1, "path": "/", "scheme": "HTTP"}}}},
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}}}]},
        ),
        ({"resources": {"limits": {"memory": "1024Mi"}}}, {"resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}}}),
        (
            {"resources": {"limits": {"cpu": 2}, "requests": {"cpu": "0.5"}}},
            {"resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "500m"}}},
        ),
    ],
    ids=["port", "probe", "lifecycle", "fieldRef", "requests-from-limits", "canonical"],
)  # fmt: skip
def test_a_container_is_filled(given: Obj, stored: Obj) -> None:
    container = defaulted(given)["containers"][0]
    assert {name: container[name] for name in stored} == stored


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({}, {"emptyDir": {}}),
        ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}),
        ({"configMap": {"name": "x"}}, {"configMap": {"name": "x", "defaultMode": 420}}),
        ({"secret": {"secretName": "x", "defaultMode": 256}}, {"secret": {"secretName": "x", "defaultMode": 256}}),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {
                "projected": {
                    "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                    "defaultMode": 420,
                }
            },
        ),
        ({"image": {"reference": "r:1"}}, {"image": {"reference": "r:1", "pullPolicy": "IfNotPresent"}}),
        ({"iscsi": {"iqn": "q"}}, {"iscsi": {"iqn": "q", "iscsiInterface": "default"}}),
        ({"emptyDir": {"sizeLimit": "2048Mi"}}, {"emptyDir": {"sizeLimit": "2Gi"}}),
    ],
    ids=["none", "hostPath", "configMap", "secret", "projected", "image", "iscsi", "emptyDir"],
)
def test_a_volume_is_filled(given: Obj, stored: Obj) -> None:
    assert defaulted(volumes=[{"name": "v", **given}])["volumes"] == [{"name": "v", **stored}]


def test_the_host_network_publishes_container_ports() -> None:
    spec = defaulted({"ports": [{"containerPort": 80}]}, hostNetwork=True)
    assert spec["containers"][0]["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]


def test_the_deprecated_account_name_follows() -> None:
    assert defaulted(serviceAccount="robot")["serviceAccountName"] == "robot"
    assert defaulted(serviceAccountName="robot")["serviceAccount"] == "robot"


def test_a_malformed_quantity_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="quantities must match the regular expression"):
        default_pod(pod({"resources": {"limits": {"cpu": "lots"}}}))


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "0"}}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
        ([{"limits": {"cpu": "1000m", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1024Mi"}}], "Guaranteed"),
    ],
)
def test_a_new_pod_has_its_class_of_service(resources: list[Obj], expected: str) -> None:
    made: Obj = {"spec": {"containers": [{"name": f"c{i}", "resources": r} for i, r in enumerate(resources)]}}
    default_pod(made)
    prepare_pod(made)
    assert made["status"] == {"phase": "Pending", "qosClass": expected}


def test_a_gated_pod_says_so() -> None:
    made = pod(schedulingGates=[{"name": "example.com/wait"}])
    prepare_pod(made)
    assert [(c["type"], c["status"], c["reason"]) for c in made["status"]["conditions"]] == [
        ("PodScheduled", "False", "SchedulingGated")
    ]


def test_label_keys_become_part_of_the_selector_once() -> None:
    constraint = {"labelSelector": {"matchLabels": {"app": "a"}}, "matchLabelKeys": ["rev", "absent"]}
    made = pod(topologySpreadConstraints=[constraint])
    made["metadata"]["labels"] = {"app": "a", "rev": "7"}
    prepare_pod(made)
    prepare_pod(made)
    wanted = [{"key": "rev", "operator": "In", "values": ["7"]}]
    assert made["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchExpressions"] == wanted


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"ephemeralContainers": [{"name": "e"}]}, "spec.ephemeralContainers", "Forbidden: cannot be set on create"),
        (
            {"nodeName": "n", "schedulingGates": [{"name": "g"}]},
            "spec.nodeName",
            "Forbidden: cannot be set until all schedulingGates have been cleared",
        ),
    ],
)
def test_what_a_new_pod_may_not_have(spec: Obj, field: str, message: str) -> None:
    causes = validate_new_pod(pod(**spec))
    assert [(cause.field, cause.message) for cause in causes] == [(field, message)]


def test_a_stop_signal_is_dropped_as_upstreams_gate_is_off() -> None:
    kept = defaulted({"lifecycle": {"stopSignal": "SIGUSR1", "preStop": {"sleep": {"seconds": 1}}}})
    assert kept["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 1}}}
    assert "lifecycle" not in defaulted({"lifecycle": {"stopSignal": "SIGUSR1"}})["containers"][0]
