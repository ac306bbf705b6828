"""Which part of an object each path may change, and when its generation grows: every kind with a status, from discovery."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_refusals import _set
from tests.samples import CORE, SAMPLES

NAMESPACE = "strategies"
NUMBERS = itertools.count()
"""A namespace lives on until a controller has emptied it: each object has a name of its own."""
POD = {"spec": {"containers": [{"name": "c", "image": "i"}], "serviceAccountName": "default"}}
CHANGES: dict[str, tuple[str, Any]] = {
    "apps daemonsets": ("spec.minReadySeconds", 7),
    "apps deployments": ("spec.replicas", 7),
    "apps replicasets": ("spec.replicas", 7),
    "apps statefulsets": ("spec.replicas", 7),
    "batch cronjobs": ("spec.suspend", True),
    "batch jobs": ("spec.parallelism", 7),
    "networking.k8s.io ingresses": ("spec.ingressClassName", "other"),
    "policy poddisruptionbudgets": ("spec.minAvailable", 7),
    "flowcontrol.apiserver.k8s.io prioritylevelconfigurations": ("spec.limited.nominalConcurrencyShares", 77),
    "admissionregistration.k8s.io validatingadmissionpolicies": ("spec.failurePolicy", "Ignore"),
    "pods": ("spec.activeDeadlineSeconds", 7),
    "replicationcontrollers": ("spec.replicas", 7),
    "autoscaling horizontalpodautoscalers": ("spec.maxReplicas", 77),
    "namespaces": ("metadata.labels.seven", "7"),
    "nodes": ("spec.unschedulable", True),
    "persistentvolumeclaims": ("spec.volumeName", "seven"),
    "persistentvolumes": ("spec.persistentVolumeReclaimPolicy", "Delete"),
    "resourcequotas": ("spec.hard.pods", "7"),
    "services": ("spec.selector", {"seven": "7"}),
    "storage.k8s.io volumeattachments": ("metadata.labels.seven", "7"),
    "resource.k8s.io resourceclaims": ("metadata.labels.seven", "7"),
    "certificates.k8s.io certificatesigningrequests": ("metadata.labels.seven", "7"),
    "networking.k8s.io servicecidrs": ("metadata.labels.seven", "7"),
}
"""A change of each kind that its own path takes."""
COUNTED = (
    "apps daemonsets", "apps deployments", "apps replicasets", "apps statefulsets", "batch cronjobs", "batch jobs",
    "networking.k8s.io ingresses", "policy poddisruptionbudgets",
    "flowcontrol.apiserver.k8s.io prioritylevelconfigurations",
    "admissionregistration.k8s.io validatingadmissionpolicies", "pods", "replicationcontrollers",
)  # fmt: skip
"""The kinds that have a generation."""
OWN = {
    "apiextensions.k8s.io customresourcedefinitions",
    "apiregistration.k8s.io apiservices",
    "flowcontrol.apiserver.k8s.io flowschemas",
}
"""The kinds whose status the server itself writes, at any time."""
CONDITION = {
    "type": "Tested", "status": "True", "reason": "Test", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
}  # fmt: skip
STATUSES: dict[str, Any] = {
    "resourcequotas": {"hard": {"pods": "3"}},
    "namespaces": {"phase": "Active", "conditions": [CONDITION]},
    "persistentvolumes": {"phase": "Available"},
    "autoscaling horizontalpodautoscalers": {"currentReplicas": 1, "desiredReplicas": 1},
    "networking.k8s.io ingresses": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    "services": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}]}},
    "batch cronjobs": {"lastScheduleTime": "2026-01-01T00:00:00Z"},
    "storage.k8s.io volumeattachments": {"attached": True},
    "resource.k8s.io resourceclaims": {"allocation": {}},
    "admissionregistration.k8s.io validatingadmissionpolicies": {"observedGeneration": 1},
}
"""A status that is not one condition."""


@pytest.fixture(scope="module")
def kinds(api: Any) -> Iterator[dict[str, str]]:
    """The collection's path of each kind with a status, by group and plural."""
    assert api("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}).code == 201
    account = {"metadata": {"name": "default"}}
    assert api("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account).code == 201
    groups = api("GET", "/apis").body["groups"]
    prefixes = ["/api/v1", *(f"/apis/{each['preferredVersion']['groupVersion']}" for each in groups)]
    found = {}
    for prefix in prefixes:
        group = prefix.split("/")[2] if prefix.startswith("/apis/") else ""
        resources = {each["name"]: each for each in api("GET", prefix).body["resources"]}
        for name, resource in resources.items():
            if f"{name}/status" in resources:
                middle = f"/namespaces/{NAMESPACE}" if resource["namespaced"] else ""
                found[f"{group} {name}".strip()] = f"{prefix}{middle}/{name}"
    yield found
    api("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


@pytest.fixture
def make(api: Any, kinds: dict[str, str]) -> Iterator[Any]:
    """Make a sound object of a kind; return its path and itself."""
    made: list[str] = []

    def run(of: str) -> tuple[str, dict[str, Any]]:
        group, _, plural = of.rpartition(" ")
        obj: dict[str, Any] = copy.deepcopy(POD if of == "pods" else SAMPLES[of] if group else CORE[plural])
        obj["metadata"] = {"name": f"strategic-{next(NUMBERS)}"} | obj.get("metadata", {})
        obj["status"] = _status(of)
        answer = api("POST", kinds[of], obj)
        assert answer.code == 201, answer.body
        made.append(f"{kinds[of]}/{answer.body['metadata']['name']}")
        return made[-1], answer.body

    yield run
    for path in made:
        api("DELETE", path, {"gracePeriodSeconds": 0})
        merge = {"content-type": "application/merge-patch+json"}
        api("PATCH", path, {"metadata": {"finalizers": None}}, headers=merge)


def _status(of: str) -> dict[str, Any]:
    return copy.deepcopy(STATUSES.get(of) or {"conditions": [CONDITION]})


def _written(of: str, obj: dict[str, Any]) -> bool:
    """Whether an object's status is the one that was written."""
    return all(_within(value, obj.get("status", {}).get(key)) for key, value in _status(of).items())


def _within(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(_within(value, whole.get(key)) for key, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(_within(one, other) for other in whole) for one in part)
    return bool(part == whole)


def _without(obj: dict[str, Any], *fields: str) -> dict[str, Any]:
    metadata = {
        key: value for key, value in obj["metadata"].items() if key not in ("resourceVersion", "managedFields", *fields)
    }
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}


def test_every_kind_with_a_status_is_tested(kinds: dict[str, str]) -> None:
    assert set(kinds) - OWN == set(CHANGES)


@pytest.mark.parametrize("of", CHANGES)
def test_a_status_is_written_by_its_own_path_alone(api: Any, make: Any, of: str) -> None:
    path, made = make(of)
    assert of == "nodes" or not _written(of, made), "creation keeps no status"
    there, value = CHANGES[of]
    changed = copy.deepcopy(made) | {"status": _status(of)}
    _set(changed, there, value)
    main = api("PUT", path, changed)
    assert main.code == 200, main.body
    assert main.body.get("status") == made.get("status"), "the object's own path keeps the status"
    back = copy.deepcopy(made) | {"status": _status(of)}
    back["metadata"] = main.body["metadata"]
    status = api("PUT", f"{path}/status", back)
    assert status.code == 200, status.body
    assert _written(of, status.body), status.body
    assert _without(status.body, "labels") == _without(main.body, "labels"), "the status' path changes nothing else"


@pytest.mark.parametrize("of", CHANGES)
def test_a_generation_counts_the_changes_of_what_is_wanted(api: Any, make: Any, of: str) -> None:
    path, made = make(of)
    first = 1 if of in COUNTED else None
    assert made["metadata"].get("generation") == first
    merge = {"content-type": "application/merge-patch+json"}
    labelled = api("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, headers=merge)
    assert labelled.body["metadata"].get("generation") == first, "labels do not count"
    status = api("PUT", f"{path}/status", labelled.body | {"status": _status(of)})
    assert status.code == 200, status.body
    assert status.body["metadata"].get("generation") == first, "a status does not count"
    there, value = CHANGES[of]
    _set(status.body, there, value)
    changed = api("PUT", path, status.body)
    assert changed.code == 200, changed.body
    assert changed.body["metadata"].get("generation") == (2 if first else None)
