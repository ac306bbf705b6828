"""What a deletion makes of an object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kubern.api.resource import Resource
from kubern.apiserver.deletion import DeleteRequest, decide, parse
from kubern.base.errors import Invalid
from kubern.base.json import Obj

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAIN = Resource("", "v1", "ConfigMap", "configmaps", "configmap", True, "")
POD = Resource(
    "", "v1", "Pod", "pods", "pod", True, "", graceful=lambda obj, asked: 30 if asked is None else asked
)  # fmt: skip


def obj(kind: str = "ConfigMap", **metadata: Any) -> Obj:
    return {"kind": kind, "metadata": {"name": "a"} | metadata}


def test_a_plain_object_is_removed_at_once() -> None:
    assert decide(obj(), PLAIN, DeleteRequest(), NOW) is None


def test_finalizers_keep_an_object() -> None:
    left = decide(obj(finalizers=["x"]), PLAIN, DeleteRequest(), NOW)
    assert left is not None
    assert left["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    assert left["metadata"]["deletionGracePeriodSeconds"] == 0


@pytest.mark.parametrize(
    ("policy", "finalizers"),
    [("Foreground", ["x", "foregroundDeletion"]), ("Orphan", ["x", "orphan"]), ("Background", ["x"])],
)
def test_propagation_sets_the_collectors_finalizer(policy: str, finalizers: list[str]) -> None:
    left = decide(obj(finalizers=["x", "orphan"]), PLAIN, DeleteRequest(propagation=policy), NOW)
    assert left is not None
    assert left["metadata"]["finalizers"] == finalizers


def test_a_pod_gets_its_grace_period() -> None:
    left = decide(obj("Pod", generation=1), POD, DeleteRequest(), NOW)
    assert left is not None
    assert left["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:30Z"
    assert (left["metadata"]["deletionGracePeriodSeconds"], left["metadata"]["generation"]) == (30, 2)


def test_a_second_deletion_may_only_shorten() -> None:
    ending = obj("Pod", deletionTimestamp="2026-01-01T00:00:10Z", deletionGracePeriodSeconds=10)
    longer = decide(ending, POD, DeleteRequest(grace=60), NOW)
    assert longer is not None
    assert longer["metadata"]["deletionGracePeriodSeconds"] == 10
    shorter = decide(longer, POD, DeleteRequest(grace=5), NOW)
    assert shorter is not None
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
    assert decide(shorter, POD, DeleteRequest(grace=0), NOW) is None


def test_a_namespace_waits_for_its_content() -> None:
    resource = Resource("", "v1", "Namespace", "namespaces", "namespace", False, "")
    left = decide(obj("Namespace") | {"spec": {"finalizers": ["kubernetes"]}}, resource, DeleteRequest(), NOW)
    assert left is not None
    assert left["status"]["phase"] == "Terminating"


@pytest.mark.parametrize(
    "options",
    [
        {"propagationPolicy": "Sideways"},
        {"propagationPolicy": "Orphan", "orphanDependents": True},
        {"dryRun": ["Some"]},
    ],
)
def test_wrong_options_are_refused(options: Obj) -> None:
    with pytest.raises(Invalid):
        parse(options)
