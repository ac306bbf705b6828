"""What any metrics server may answer, and what an autoscaler makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.controllers.autoscaling.decision import Observed
from kubern.controllers.autoscaling.gathering import gather
from kubern.controllers.autoscaling.model import Settings
from tests.unit.client.scripted import Scripted

NAME = {"name": "hits"}
TARGET = {"type": "Value", "value": "1"}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "name": "web"}
METRICS: dict[str, Obj] = {
    "External": {"type": "External", "external": {"metric": NAME, "target": TARGET}},
    "Pods": {"type": "Pods", "pods": {"metric": NAME, "target": TARGET}},
    "Object": {"type": "Object", "object": {"metric": NAME, "describedObject": NAMESPACE, "target": TARGET}},
    "Resource": {"type": "Resource", "resource": {"name": "cpu", "target": TARGET}},
}
NAMESPACES = {"resources": [{"kind": "Namespace", "name": "namespaces"}]}


@pytest.mark.parametrize(
    "answer",
    [
        {"items": [{"containers": 5}]},
        {"items": [{"value": "many", "metadata": None, "containers": [{}]}]},
        {"items": 5},
        [1],
        "x",
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", METRICS)
async def test_an_answer_that_is_none_is_said_and_harms_nobody(kind: str, answer: Any) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": reference, "maxReplicas": 3, "metrics": [METRICS[kind]]}
    hpa = {"metadata": {"name": "web", "namespace": "ns"}, "spec": spec}
    transport = Scripted()
    scale = {"spec": {"replicas": 1}, "status": {"selector": "app=web"}}
    transport.answers = [
        scale,
        {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []},
    ]
    transport.answers += [NAMESPACES] * (kind == "Object") + [answer]
    seen = await gather(Observed(hpa, Settings()), ApiClient(transport))
    [fetched] = seen.fetched
    assert fetched.error.startswith("unable to get ")
    assert "is not what it should be" in fetched.error
    assert len(fetched.error) < 400
