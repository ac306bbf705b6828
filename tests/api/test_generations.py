"""Which kinds count their changes in metadata.generation, and from where: every kind that discovery names.

A kind that counts starts at 1, and goes on with each change of anything but metadata and status; a CSIDriver has no generation until
its first change. All others never have one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_refusals import POD, _set
from tests.samples import CORE, SAMPLES

NAMESPACE = "generations"
MERGE = {"content-type": "application/merge-patch+json"}
ADMISSION = "admissionregistration.k8s.io"
COUNTED: dict[str, tuple[str, Any]] = {
    f"{ADMISSION} mutatingadmissionpolicies": ("spec.failurePolicy", "Ignore"),
    f"{ADMISSION} mutatingadmissionpolicybindings": ("spec.policyName", "other"),
    f"{ADMISSION} mutatingwebhookconfigurations": ("webhooks[0].failurePolicy", "Ignore"),
    f"{ADMISSION} validatingadmissionpolicies": ("spec.failurePolicy", "Ignore"),
    f"{ADMISSION} validatingadmissionpolicybindings": ("spec.policyName", "other"),
    f"{ADMISSION} validatingwebhookconfigurations": ("webhooks[0].failurePolicy", "Ignore"),
    "apiextensions.k8s.io customresourcedefinitions": ("spec.names.shortNames", ["wid"]),
    "apps daemonsets": ("spec.minReadySeconds", 7),
    "apps deployments": ("spec.replicas", 7),
    "apps replicasets": ("spec.replicas", 7),
    "apps statefulsets": ("spec.replicas", 7),
    "batch cronjobs": ("spec.suspend", True),
    "batch jobs": ("spec.parallelism", 7),
    "discovery.k8s.io endpointslices": ("endpoints", [{"addresses": ["10.0.0.7"]}]),
    "flowcontrol.apiserver.k8s.io flowschemas": ("spec.matchingPrecedence", 77),
    "flowcontrol.apiserver.k8s.io prioritylevelconfigurations": ("spec.limited.nominalConcurrencyShares", 77),
    "networking.k8s.io ingressclasses": ("spec.parameters.name", "other"),
    "networking.k8s.io ingresses": ("spec.ingressClassName", "other"),
    "networking.k8s.io networkpolicies": ("spec.policyTypes", ["Egress"]),
    "pods": ("spec.activeDeadlineSeconds", 7),
    "podtemplates": ("template.metadata.labels.seven", "7"),
    "policy poddisruptionbudgets": ("spec.minAvailable", 7),
    "replicationcontrollers": ("spec.replicas", 7),
    "resource.k8s.io deviceclasses": ("spec.extendedResourceName", "example.com/gpu"),
    "resource.k8s.io resourceslices": ("spec.devices", [{"name": "d7"}]),
    "scheduling.k8s.io priorityclasses": ("", None),
}
"""A change of each kind that counts; a PriorityClass has nothing that may be changed and is counted."""
LATE = {"storage.k8s.io csidrivers": ("spec.requiresRepublish", True)}
OTHERS: dict[str, tuple[str, Any]] = {
    "autoscaling horizontalpodautoscalers": ("spec.maxReplicas", 77),
    "configmaps": ("data.seven", "7"),
    "coordination.k8s.io leases": ("spec.leaseDurationSeconds", 7),
    "endpoints": ("subsets[0].ports[0].port", 7),
    "limitranges": ("spec.limits[0].max.cpu", "7"),
    "nodes": ("spec.unschedulable", True),
    "persistentvolumes": ("spec.persistentVolumeReclaimPolicy", "Delete"),
    "rbac.authorization.k8s.io clusterroles": ("rules[0].verbs", ["list"]),
    "resourcequotas": ("spec.hard.pods", "7"),
    "secrets": ("data.seven", "Nw=="),
    "services": ("spec.selector", {"seven": "7"}),
    "storage.k8s.io storageclasses": ("allowVolumeExpansion", True),
}
"""What changes in some kinds that do not count."""
UNTOLD = {"componentstatuses", "bindings", "events", "events.k8s.io events"}
"""Not kept, or not replaced."""


@pytest.fixture(scope="module")
def kinds(api: Any) -> Iterator[dict[str, str]]:
    """The collection's path of each kind that is kept, by group and plural."""
    assert api("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}).code == 201
    account = {"metadata": {"name": "default"}}
    assert api("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account).code == 201
    groups = api("GET", "/apis").body["groups"]
    found = {}
    for prefix in ("/api/v1", *(f"/apis/{each['preferredVersion']['groupVersion']}" for each in groups)):
        group = prefix.split("/")[2] if prefix.startswith("/apis/") else ""
        if group.endswith("example.com"):
            continue
        for resource in api("GET", prefix).body["resources"]:
            if "update" in resource["verbs"] and "/" not in resource["name"]:
                middle = f"/namespaces/{NAMESPACE}" if resource["namespaced"] else ""
                found[f"{group} {resource['name']}".strip()] = f"{prefix}{middle}/{resource['name']}"
    yield found
    api("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


def _sample(of: str) -> dict[str, Any]:
    group, _, plural = of.rpartition(" ")
    obj: dict[str, Any] = copy.deepcopy(POD if of == "pods" else SAMPLES[of] if group else CORE[plural])
    return obj | {"metadata": {"name": "counted"} | obj.get("metadata", {})}


def test_every_kind_that_counts_is_told(api: Any, kinds: dict[str, str]) -> None:
    assert set(COUNTED) | set(LATE) | set(OTHERS) <= set(kinds)
    untold = sorted(set(kinds) - set(COUNTED) - set(LATE) - UNTOLD)
    seen = {of: api("POST", f"{kinds[of]}?dryRun=All", _sample(of)) for of in untold}
    assert [answer.body for answer in seen.values() if answer.code != 201] == []
    assert [of for of, answer in seen.items() if "generation" in answer.body["metadata"]] == []


@pytest.mark.parametrize("of", [*COUNTED, *LATE, *OTHERS])
def test_changes_are_counted(api: Any, kinds: dict[str, str], of: str) -> None:
    first, then = (1, 2) if of in COUNTED else (None, 1 if of in LATE else None)
    made = api("POST", kinds[of], _sample(of))
    assert made.code == 201, made.body
    path = f"{kinds[of]}/{made.body['metadata']['name']}"
    try:
        assert made.body["metadata"].get("generation") == first
        labelled = api("PATCH", path, {"metadata": {"labels": {"a": "b"}, "generation": 9}}, headers=MERGE)
        assert labelled.body["metadata"].get("generation") == first, "neither labels count nor what is asked for"
        where, value = (COUNTED | LATE | OTHERS)[of]
        if where:
            _set(labelled.body, where, value)
            changed = api("PUT", path, labelled.body)
            assert changed.code == 200, changed.body
            assert changed.body["metadata"].get("generation") == then
    finally:
        api("DELETE", path, {"gracePeriodSeconds": 0})
        api("PATCH", path, {"metadata": {"finalizers": None}}, headers=MERGE)
