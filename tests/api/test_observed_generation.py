"""Every controller says which generation of an object it has looked at, for each kind that has room for it."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.client.contract import GVR
from kubern.controllers import resources as r
from tests.api.test_controllers import Cluster, cluster  # noqa: F401

LABELS = {"app": "observed"}
TEMPLATE = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "c", "image": "registry.example/c:1"}], "terminationGracePeriodSeconds": 0},
}
SELECTOR = {"matchLabels": LABELS}
KINDS: list[tuple[GVR, dict[str, Any], dict[str, Any]]] = [
    (r.DEPLOYMENTS, {"selector": SELECTOR, "template": TEMPLATE}, {"replicas": 2}),
    (r.REPLICA_SETS, {"selector": SELECTOR, "template": TEMPLATE}, {"replicas": 2}),
    (r.STATEFUL_SETS, {"selector": SELECTOR, "template": TEMPLATE, "serviceName": "s"}, {"replicas": 2}),
    (r.DAEMON_SETS, {"selector": SELECTOR, "template": TEMPLATE}, {"minReadySeconds": 1}),
    (r.REPLICATION_CONTROLLERS, {"selector": LABELS, "template": TEMPLATE}, {"replicas": 2}),
    (r.DISRUPTION_BUDGETS, {"selector": SELECTOR, "minAvailable": 1}, {"minAvailable": 2}),
]
"""Kind, specification, and what is changed of it."""


@pytest.mark.parametrize(("gvr", "spec", "change"), KINDS, ids=[gvr.plural for gvr, _, _ in KINDS])
async def test_the_generation_that_was_looked_at_is_told(
    cluster: Cluster,  # noqa: F811
    gvr: GVR,
    spec: dict[str, Any],
    change: dict[str, Any],
) -> None:
    made = await cluster.client.create(gvr, {"metadata": {"name": "o"}, "spec": spec}, "default")
    assert made["metadata"]["generation"] == 1

    def observed(generation: int) -> Any:
        found = cluster.get(gvr, "o")
        return found and found.get("status", {}).get("observedGeneration") == generation and found

    await cluster.until(lambda: observed(1))
    changed = await cluster.client.patch(gvr, "o", {"spec": change}, "default")
    assert changed["metadata"]["generation"] == 2
    await cluster.until(lambda: observed(2))
    labelled = await cluster.client.patch(gvr, "o", {"metadata": {"labels": {"a": "b"}}}, "default")
    assert labelled["metadata"]["generation"] == 2
    assert labelled["status"]["observedGeneration"] == 2
