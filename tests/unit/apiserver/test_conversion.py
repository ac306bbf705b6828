"""Conversion between a resource's versions as the verbs and forms use it."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api.resource import Resource
from kubern.api.resources import load
from kubern.apiserver.conversion import same, to_served, to_stored

RESOURCES = {(r.api_version, r.plural): r for r in load()}


def _resource(api_version: str, plural: str) -> Resource:
    return RESOURCES[api_version, plural]


def test_a_version_is_itself() -> None:
    pods = _resource("v1", "pods")
    assert to_served(pods, pods) is same


@pytest.mark.parametrize(
    ("served", "stored", "plural", "obj", "expected"),
    [
        (
            "autoscaling/v1",
            "autoscaling/v2",
            "horizontalpodautoscalers",
            {"spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}},
            {
                "maxReplicas": 3,
                "minReplicas": 1,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                    }
                ],
            },
        ),
        (
            "autoscaling/v1",
            "autoscaling/v2",
            "horizontalpodautoscalers",
            {"spec": {"maxReplicas": 3}},
            {
                "maxReplicas": 3,
                "minReplicas": 1,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                    }
                ],
            },
        ),
        (
            "resource.k8s.io/v1beta1",
            "resource.k8s.io/v1",
            "resourceclaims",
            {"spec": {"devices": {"requests": [{"name": "r", "deviceClassName": "c"}]}}},
            {
                "devices": {
                    "requests": [
                        {"name": "r", "exactly": {"deviceClassName": "c", "allocationMode": "ExactCount", "count": 1}}
                    ]
                }
            },
        ),
    ],
    ids=["v1-autoscaler", "v1-autoscaler-without-target", "v1beta1-claim"],
)
def test_what_arrives_is_stored_in_the_stored_form_with_its_defaults(
    served: str, stored: str, plural: str, obj: dict[str, Any], expected: dict[str, Any]
) -> None:
    given = {"apiVersion": served, "metadata": {"name": "x"}} | obj
    resource = _resource(served, plural)
    to_stored(given, resource, _resource(stored, plural))
    resource.default(given)
    assert (given["apiVersion"], given["spec"]) == (stored, expected)


def test_what_v1_has_no_field_for_is_shown_in_annotations() -> None:
    served, stored = (_resource(f"autoscaling/{v}", "horizontalpodautoscalers") for v in ("v1", "v2"))
    metric = {
        "type": "Pods",
        "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}},
    }
    shown = to_served(stored, served)({"metadata": {"name": "x"}, "spec": {"maxReplicas": 3, "metrics": [metric]}})
    assert shown["spec"] == {"maxReplicas": 3}
    assert shown["metadata"]["annotations"] == {
        "autoscaling.alpha.kubernetes.io/metrics": '[{"type":"Pods","pods":{"targetAverageValue":"10","metricName":"rps"}}]'
    }


def test_a_version_with_the_same_fields_only_changes_its_name() -> None:
    served, stored = (_resource(f"networking.k8s.io/{v}", "servicecidrs") for v in ("v1beta1", "v1"))
    obj = {"apiVersion": stored.api_version, "metadata": {"name": "x"}, "spec": {"cidrs": ["10.0.0.0/8"]}}
    assert to_served(stored, served)(obj) == obj | {"apiVersion": served.api_version}
