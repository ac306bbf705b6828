"""The defaults that upstream stores in the named groups' objects, field by field."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from kubern.api.resource import Resource
from kubern.api.resources import load

RESOURCES = {(r.group, r.plural): r for r in load() if r.group and r.storage_version}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}


def _resource(plural: str, group: str = "") -> Resource:
    return next(r for (g, p), r in RESOURCES.items() if p == plural and (not group or g == group))


def _filled(plural: str, obj: dict[str, Any]) -> dict[str, Any]:
    obj = {"metadata": {"name": "x", "uid": "u1"}} | deepcopy(obj)
    _resource(plural).default(obj)
    return obj


DEFAULTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "deployments",
        {},
        {
            "replicas": 1,
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
        },
    ),
    ("deployments", {"strategy": {"type": "Recreate"}}, {"strategy": {"type": "Recreate"}}),
    ("replicasets", {}, {"replicas": 1}),
    (
        "daemonsets",
        {},
        {
            "revisionHistoryLimit": 10,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        },
    ),
    ("daemonsets", {"updateStrategy": {"type": "OnDelete"}}, {"updateStrategy": {"type": "OnDelete"}}),
    (
        "statefulsets",
        {"volumeClaimTemplates": [{"spec": {}}]},
        {
            "replicas": 1,
            "revisionHistoryLimit": 10,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "volumeClaimTemplates": [
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "spec": {"volumeMode": "Filesystem"},
                    "status": {"phase": "Pending"},
                }
            ],
        },
    ),
    (
        "jobs",
        {},
        {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 6,
            "completionMode": "NonIndexed",
            "suspend": False,
            "manualSelector": False,
            "podReplacementPolicy": "TerminatingOrFailed",
        },
    ),
    ("jobs", {"completions": 5}, {"parallelism": 1, "completions": 5}),
    ("jobs", {"parallelism": 3}, {"parallelism": 3, "completions": None}),
    ("jobs", {"backoffLimitPerIndex": 1}, {"backoffLimit": 2147483647}),
    (
        "jobs",
        {"podFailurePolicy": {"rules": [{"onPodConditions": [{"type": "DisruptionTarget"}]}]}},
        {
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": [{"onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]},
        },
    ),
    (
        "cronjobs",
        {},
        {"concurrencyPolicy": "Allow", "suspend": False, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1},
    ),
    ("networkpolicies", {}, {"policyTypes": ["Ingress"], "podSelector": {}}),
    (
        "networkpolicies",
        {"egress": [{"ports": [{"port": 53}]}]},
        {"policyTypes": ["Ingress", "Egress"], "egress": [{"ports": [{"port": 53, "protocol": "TCP"}]}]},
    ),
    ("ingressclasses", {"parameters": {}}, {"parameters": {"scope": "Cluster"}}),
    (
        "csidrivers",
        {},
        {
            "attachRequired": True,
            "podInfoOnMount": False,
            "storageCapacity": False,
            "requiresRepublish": False,
            "fsGroupPolicy": "ReadWriteOnceWithFSType",
            "seLinuxMount": False,
            "volumeLifecycleModes": ["Persistent"],
        },
    ),
    (
        "horizontalpodautoscalers",
        {},
        {
            "minReplicas": 1,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
            "behavior": None,
        },
    ),
    (
        "horizontalpodautoscalers",
        {"behavior": {}},
        {
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0,
                    "selectPolicy": "Max",
                    "policies": [
                        {"type": "Pods", "value": 4, "periodSeconds": 15},
                        {"type": "Percent", "value": 100, "periodSeconds": 15},
                    ],
                },
                "scaleDown": {
                    "selectPolicy": "Max",
                    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
                },
            }
        },
    ),
    ("flowschemas", {}, {"matchingPrecedence": 1000}),
    (
        "prioritylevelconfigurations",
        {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}},
        {
            "limited": {
                "nominalConcurrencyShares": 30,
                "lendablePercent": 0,
                "limitResponse": {"type": "Queue", "queuing": {"queues": 64, "queueLengthLimit": 50, "handSize": 8}},
            }
        },
    ),
    (
        "prioritylevelconfigurations",
        {"type": "Exempt"},
        {"exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}},
    ),
    ("apiservices", {"service": {}}, {"service": {"port": 443}}),
    (
        "customresourcedefinitions",
        {"names": {"plural": "widgets", "kind": "Widget"}},
        {
            "names": {"plural": "widgets", "kind": "Widget", "singular": "widget", "listKind": "WidgetList"},
            "conversion": {"strategy": "None"},
        },
    ),
    (
        "validatingadmissionpolicies",
        {"matchConstraints": {"resourceRules": [{}]}},
        {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {},
                "objectSelector": {},
                "resourceRules": [{"scope": "*"}],
            },
        },
    ),
    (
        "resourceclaims",
        {"devices": {"requests": [{"name": "r", "exactly": {"tolerations": [{}]}}]}},
        {
            "devices": {
                "requests": [
                    {
                        "name": "r",
                        "exactly": {"allocationMode": "ExactCount", "count": 1, "tolerations": [{"operator": "Equal"}]},
                    }
                ]
            }
        },
    ),
]


@pytest.mark.parametrize(("plural", "spec", "expected"), DEFAULTS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_specification_is_filled(plural: str, spec: dict[str, Any], expected: dict[str, Any]) -> None:
    filled = _filled(plural, {"spec": spec})["spec"]
    assert {name: filled.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("plural", "obj", "expected"),
    [
        ("storageclasses", {}, {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}),
        ("priorityclasses", {}, {"preemptionPolicy": "PreemptLowerPriority"}),
        ("endpointslices", {"ports": [{"port": 1}]}, {"ports": [{"port": 1, "name": "", "protocol": "TCP"}]}),
        (
            "rolebindings",
            {"subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}]},
            {
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io"},
                "subjects": [
                    {"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"},
                    {"kind": "ServiceAccount", "name": "s"},
                ],
            },
        ),
        (
            "mutatingwebhookconfigurations",
            {"webhooks": [{"rules": [{}], "clientConfig": {"service": {}}}]},
            {
                "webhooks": [
                    {
                        "rules": [{"scope": "*"}],
                        "clientConfig": {"service": {"port": 443}},
                        "failurePolicy": "Fail",
                        "matchPolicy": "Equivalent",
                        "namespaceSelector": {},
                        "objectSelector": {},
                        "timeoutSeconds": 10,
                        "reinvocationPolicy": "Never",
                    }
                ]
            },
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_an_object_is_filled(plural: str, obj: dict[str, Any], expected: dict[str, Any]) -> None:
    filled = _filled(plural, obj)
    assert {name: filled.get(name) for name in expected} == expected


@pytest.mark.parametrize("plural", ["deployments", "replicasets", "daemonsets", "statefulsets", "jobs"])
def test_a_pod_template_is_filled_too(plural: str) -> None:
    spec = _filled(plural, {"spec": {"template": {"spec": {"containers": []}}}})["spec"]
    assert spec["template"]["spec"]["dnsPolicy"] == "ClusterFirst"


def test_a_cron_jobs_pod_template_is_filled_too() -> None:
    spec = _filled("cronjobs", {})["spec"]
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["schedulerName"] == "default-scheduler"
    assert "backoffLimit" not in spec["jobTemplate"]["spec"]


def test_a_job_gets_its_selector_and_its_pods_labels_from_its_uid_and_name() -> None:
    job = _filled("jobs", {"spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}}})
    _resource("jobs").prepare_create(job)
    assert job["metadata"]["labels"] == job["spec"]["template"]["metadata"]["labels"]
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u1"}}
    assert job["spec"]["template"]["metadata"]["labels"] == {
        "a": "b",
        "batch.kubernetes.io/controller-uid": "u1",
        "batch.kubernetes.io/job-name": "x",
        "controller-uid": "u1",
        "job-name": "x",
    }


def test_a_job_with_labels_keeps_them() -> None:
    job = _filled(
        "jobs", {"metadata": {"name": "x", "uid": "u1", "labels": {"c": "d"}}, "spec": {"template": TEMPLATE}}
    )
    _resource("jobs").prepare_create(job)
    assert job["metadata"]["labels"] == {"c": "d"}


def test_a_job_with_a_selector_by_hand_keeps_it() -> None:
    job = _filled(
        "jobs", {"spec": {"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}}
    )
    _resource("jobs").prepare_create(job)
    assert job["spec"]["selector"] == {"matchLabels": {"a": "b"}}
    assert job["spec"]["template"]["metadata"]["labels"] == {"a": "b"}


def test_a_daemon_set_counts_the_generations_of_its_template() -> None:
    resource, name = _resource("daemonsets"), "deprecated.daemonset.template.generation"
    old = _filled("daemonsets", {})
    resource.prepare_create(old)
    assert old["metadata"]["annotations"][name] == "1"
    same, changed = (
        _filled("daemonsets", {}),
        _filled("daemonsets", {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}),
    )
    resource.prepare_update(same, old)
    resource.prepare_update(changed, old)
    assert [obj["metadata"]["annotations"][name] for obj in (same, changed)] == ["1", "2"]


def test_a_definition_remembers_every_version_that_was_stored() -> None:
    resource = _resource("customresourcedefinitions")
    old = {"spec": {"versions": [{"name": "v1", "storage": True}]}}
    resource.prepare_create(old)
    new = {"spec": {"versions": [{"name": "v1", "storage": False}, {"name": "v2", "storage": True}]}}
    resource.prepare_update(new, old)
    assert old["status"] == {"storedVersions": ["v1"]}
    assert new["status"] == {"storedVersions": ["v1", "v2"]}
