"""One sound object of every resource of the named groups: defaults settle, checks pass, columns can be drawn, versions convert."""

from __future__ import annotations

import base64
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubern.api.resource import Resource
from kubern.api.resources import load

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LABELS = {"app": "web"}
POD = {"containers": [{"name": "c", "image": "busybox:1"}]}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
WORKLOAD = {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}
RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
ADMISSION_RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
MATCH = {"resourceRules": [ADMISSION_RULE]}
WEBHOOK = {
    "name": "check.example.com",
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "rules": [ADMISSION_RULE],
    "clientConfig": {"service": {"name": "s", "namespace": "default"}},
}
CLAIM = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}]}}


def _request() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "jane")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


SAMPLES: dict[str, Any] = {
    "apps deployments": {"spec": WORKLOAD},
    "apps replicasets": {"spec": WORKLOAD},
    "apps daemonsets": {"spec": WORKLOAD},
    "apps statefulsets": {
        "spec": WORKLOAD
        | {
            "serviceName": "web",
            "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"]}}],
        }
    },
    "apps controllerrevisions": {"data": {}, "revision": 1},
    "batch jobs": {"spec": {"template": {"spec": POD | {"restartPolicy": "Never"}}}},
    "batch cronjobs": {
        "spec": {
            "schedule": "*/5 * * * *",
            "timeZone": "Etc/UTC",
            "jobTemplate": {"spec": {"template": {"spec": POD | {"restartPolicy": "OnFailure"}}}},
        }
    },
    "policy poddisruptionbudgets": {"spec": {"minAvailable": "50%", "selector": {"matchLabels": LABELS}}},
    "discovery.k8s.io endpointslices": {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}],
        "ports": [{"name": "http", "port": 80}],
    },
    "networking.k8s.io ingresses": {
        "spec": {
            "rules": [
                {
                    "host": "*.example.com",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "web", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ]
        }
    },
    "networking.k8s.io ingressclasses": {
        "spec": {"controller": "example.com/ingress", "parameters": {"kind": "P", "name": "p"}}
    },
    "networking.k8s.io networkpolicies": {
        "spec": {
            "podSelector": {"matchLabels": LABELS},
            "ingress": [
                {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 80}]}
            ],
        }
    },
    "networking.k8s.io ipaddresses": {
        "metadata": {"name": "10.96.0.1"},
        "spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "kubernetes"}},
    },
    "networking.k8s.io servicecidrs": {"spec": {"cidrs": ["10.96.0.0/12", "fd00::/108"]}},
    "rbac.authorization.k8s.io roles": {"rules": [RULE]},
    "rbac.authorization.k8s.io clusterroles": {"rules": [RULE, {"nonResourceURLs": ["/healthz"], "verbs": ["get"]}]},
    "rbac.authorization.k8s.io rolebindings": {
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "jane"}, {"kind": "ServiceAccount", "name": "a", "namespace": "default"}],
    },
    "rbac.authorization.k8s.io clusterrolebindings": {"roleRef": {"kind": "ClusterRole", "name": "r"}},
    "storage.k8s.io storageclasses": {"provisioner": "example.com/disk"},
    "storage.k8s.io csidrivers": {"spec": {}},
    "storage.k8s.io csinodes": {"spec": {"drivers": [{"name": "d.example.com", "nodeID": "n1"}]}},
    "storage.k8s.io csistoragecapacities": {"storageClassName": "fast", "capacity": "1Gi"},
    "storage.k8s.io volumeattachments": {
        "spec": {"attacher": "d", "nodeName": "n1", "source": {"persistentVolumeName": "pv"}}
    },
    "storage.k8s.io volumeattributesclasses": {"driverName": "d.example.com", "parameters": {"iops": "100"}},
    "scheduling.k8s.io priorityclasses": {"value": 1000},
    "coordination.k8s.io leases": {"spec": {"holderIdentity": "n1", "leaseDurationSeconds": 40}},
    "autoscaling horizontalpodautoscalers": {
        "spec": {
            "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "behavior": {"scaleUp": {"stabilizationWindowSeconds": 10}},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                },
                {
                    "type": "Resource",
                    "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
                },
                {
                    "type": "Pods",
                    "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}},
                },
                {
                    "type": "Object",
                    "object": {
                        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "web"},
                        "metric": {"name": "rps", "selector": {"matchLabels": {"a": "b"}}},
                        "target": {"type": "Value", "value": "100"},
                    },
                },
                {
                    "type": "External",
                    "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "30"}},
                },
            ],
        },
        "status": {
            "currentReplicas": 2,
            "conditions": [{"type": "AbleToScale", "status": "True"}],
            "currentMetrics": [
                {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 42}}}
            ],
        },
    },
    "certificates.k8s.io certificatesigningrequests": {
        "spec": {
            "request": _request(),
            "usages": ["client auth"],
            "signerName": "kubernetes.io/kube-apiserver-client",
            "expirationSeconds": 3600,
        }
    },
    "certificates.k8s.io clustertrustbundles": {"spec": {"trustBundle": "-----BEGIN CERTIFICATE-----"}},
    "node.k8s.io runtimeclasses": {"handler": "runsc"},
    "apiregistration.k8s.io apiservices": {
        "metadata": {"name": "v1.example.com"},
        "spec": {
            "group": "example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 10,
            "service": {"name": "s", "namespace": "default"},
        },
    },
    "apiextensions.k8s.io customresourcedefinitions": {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    },
    "flowcontrol.apiserver.k8s.io flowschemas": {
        "spec": {
            "priorityLevelConfiguration": {"name": "global-default"},
            "rules": [
                {
                    "subjects": [{"kind": "User", "user": {"name": "*"}}],
                    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                }
            ],
        }
    },
    "flowcontrol.apiserver.k8s.io prioritylevelconfigurations": {
        "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}
    },
    "admissionregistration.k8s.io validatingwebhookconfigurations": {"webhooks": [WEBHOOK]},
    "admissionregistration.k8s.io mutatingwebhookconfigurations": {"webhooks": [WEBHOOK]},
    "admissionregistration.k8s.io validatingadmissionpolicies": {
        "spec": {"matchConstraints": MATCH, "validations": [{"expression": "true"}]}
    },
    "admissionregistration.k8s.io mutatingadmissionpolicies": {
        "spec": {
            "matchConstraints": MATCH,
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}],
        }
    },
    "admissionregistration.k8s.io validatingadmissionpolicybindings": {
        "spec": {"policyName": "p", "validationActions": ["Deny"], "matchResources": MATCH}
    },
    "admissionregistration.k8s.io mutatingadmissionpolicybindings": {"spec": {"policyName": "p"}},
    "resource.k8s.io resourceclaims": {"spec": CLAIM},
    "resource.k8s.io resourceclaimtemplates": {"spec": {"spec": CLAIM}},
    "resource.k8s.io resourceslices": {
        "spec": {
            "driver": "d.example.com",
            "pool": {"name": "p"},
            "nodeName": "n1",
            "devices": [{"name": "d0", "attributes": {}}],
        }
    },
    "events.k8s.io events": {
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingComponent": "example.com/c",
        "reportingInstance": "c-1",
        "action": "Start",
        "reason": "Started",
        "message": "m",
        "type": "Normal",
    },
}


def sample(resource: Resource) -> dict[str, Any]:
    """Return the resource's sample, or an empty object of it, as it stands when the hooks get it."""
    obj: dict[str, Any] = {"apiVersion": resource.api_version, "kind": resource.kind}
    obj |= deepcopy(SAMPLES.get(f"{resource.group} {resource.plural}", {}))
    metadata = {"name": "sample", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    obj["metadata"] = metadata | ({"namespace": "default"} if resource.namespaced else {}) | obj.get("metadata", {})
    return obj


def _created(resource: Resource) -> dict[str, Any]:
    obj = sample(resource)
    resource.default(obj)
    resource.prepare_create(obj)
    return obj


NAMED = [resource for resource in load() if resource.group]
ids = [f"{r.api_version}-{r.plural}" for r in NAMED]
every = pytest.mark.parametrize("resource", NAMED, ids=ids)
sampled = pytest.mark.parametrize(
    "resource", [r for r in NAMED if f"{r.group} {r.plural}" in SAMPLES], ids=lambda r: r.plural
)


def test_every_sample_is_of_a_resource() -> None:
    assert set(SAMPLES) <= {f"{r.group} {r.plural}" for r in NAMED}


@every
def test_defaults_given_once_are_not_changed_again(resource: Resource) -> None:
    obj = sample(resource)
    resource.default(obj)
    once = deepcopy(obj)
    resource.default(obj)
    assert obj == once


@sampled
def test_a_sound_object_has_no_errors(resource: Resource) -> None:
    obj = _created(resource)
    assert resource.validate(obj) == []
    assert not resource.validate_name or resource.validate_name(obj["metadata"]["name"]) == []


@sampled
def test_an_unchanged_object_may_be_updated(resource: Resource) -> None:
    old, new = _created(resource), _created(resource)
    resource.prepare_update(new, old)
    assert resource.validate_update(new, old) == []
    assert new == old


@sampled
def test_a_status_as_it_was_may_be_written(resource: Resource) -> None:
    assert resource.validate_status_update(_created(resource), _created(resource)) == []


@every
def test_columns_can_be_drawn_for_a_full_and_for_an_empty_object(resource: Resource) -> None:
    types = {"string": str, "integer": int, "boolean": (bool, str), "date": str}
    for obj in (_created(resource), {"metadata": {"name": "empty"}}):
        for column in resource.columns:
            assert isinstance(column.cell(obj, NOW), types[column.type]), column.name


@every
def test_selectable_fields_are_texts(resource: Resource) -> None:
    for obj in (_created(resource), {"metadata": {"name": "empty"}}):
        assert all(isinstance(value, str) for value in resource.fields(obj).values())


@pytest.mark.parametrize("resource", [r for r in NAMED if r.conversion], ids=lambda r: f"{r.api_version}-{r.plural}")
def test_nothing_is_lost_by_converting_to_another_version_and_back(resource: Resource) -> None:
    assert resource.conversion is not None
    stored = _created(resource)
    served = deepcopy(stored)
    resource.conversion.from_storage(served)
    resource.conversion.to_storage(served)
    assert served == stored


@every
def test_validation_changes_nothing(resource: Resource) -> None:
    obj = _created(resource)
    before = deepcopy(obj)
    resource.validate(obj)
    assert obj == before
