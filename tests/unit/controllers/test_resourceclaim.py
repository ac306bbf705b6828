"""Claims are made for pods from templates, and given back when nobody uses them any more."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api.pod_claims import FINALIZER, POD_CLAIM_NAME
from kubern.base.json import Obj
from kubern.controllers.controller import Reconciler
from kubern.controllers.deviceclaims.pod import generate_name
from kubern.controllers.kinds import resourceclaim
from kubern.controllers.resources import CLAIM_TEMPLATES, PODS, RESOURCE_CLAIMS
from tests.unit.controllers.world import World


def _reconciler() -> Reconciler:
    found = resourceclaim.CONTROLLER.reconciler
    assert found is not None
    return found


CONTROLLER = _reconciler()
SPEC = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu", "count": 1}}]}}
POD_KEY = ("ns", "pods/p")


def template(name: str = "t", **metadata: Any) -> Obj:
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": {"metadata": metadata, "spec": SPEC}}


def pod(*claims: Obj, node: str = "", phase: str = "Pending", **metadata: Any) -> Obj:
    meta = {"name": "p", "namespace": "ns", "uid": "p-uid", **metadata}
    spec = {"containers": [{"name": "c"}], "resourceClaims": [*claims], **({"nodeName": node} if node else {})}
    return {"metadata": meta, "spec": spec, "status": {"phase": phase}}


def claim(*users: str, allocated: bool = True, finalizer: bool = True, owner: str = "", **metadata: Any) -> Obj:
    meta: Obj = {"name": "c", "namespace": "ns", "uid": "c-uid", **metadata}
    if finalizer:
        meta["finalizers"] = [FINALIZER]
    if owner:
        meta["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": True}]
        meta["annotations"] = {POD_CLAIM_NAME: "dev"}
    status: Obj = {"allocation": {"devices": {"results": []}}} if allocated else {}
    if users:
        status["reservedFor"] = [{"resource": "pods", "name": "p", "uid": uid} for uid in users]
    return {"metadata": meta, "spec": SPEC, "status": status}


FROM_TEMPLATE = {"name": "dev", "resourceClaimTemplateName": "t"}


def test_a_claim_is_made_from_its_template_and_written_down() -> None:
    world = World()
    world.put(CLAIM_TEMPLATES, template(labels={"a": "b"}, annotations={"x": "y"}))
    world.put(PODS, pod(FROM_TEMPLATE))
    assert world.settle(CONTROLLER, POD_KEY) == 2
    (made,) = world.list(RESOURCE_CLAIMS)
    meta = made["metadata"]
    assert meta["name"].startswith("p-dev-")
    assert meta["annotations"] == {"x": "y", POD_CLAIM_NAME: "dev"}
    assert meta["labels"] == {"a": "b"}
    assert meta["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "p-uid", "controller": True, "blockOwnerDeletion": True}
    ]
    assert made["spec"] == SPEC
    statuses = world.get(PODS, "p")["status"]["resourceClaimStatuses"]
    assert statuses == [{"name": "dev", "resourceClaimName": meta["name"]}]


def test_a_claim_that_was_made_before_is_found_again() -> None:
    world = World()
    world.put(PODS, pod(FROM_TEMPLATE))
    world.put(RESOURCE_CLAIMS, claim(owner="p-uid"))
    world.settle(CONTROLLER, POD_KEY)
    assert len(world.list(RESOURCE_CLAIMS)) == 1
    assert world.get(PODS, "p")["status"]["resourceClaimStatuses"] == [{"name": "dev", "resourceClaimName": "c"}]


def test_a_missing_template_is_told() -> None:
    world = World()
    world.put(PODS, pod(FROM_TEMPLATE))
    world.settle(CONTROLLER, POD_KEY)
    message = 'PodResourceClaim dev: resource claim template "t": resourceclaimtemplate.resource.k8s.io "t" not found'
    assert world.events == [("FailedResourceClaimCreation", message)]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(pod(FROM_TEMPLATE, phase="Succeeded"), id="finished"),
        pytest.param(pod(FROM_TEMPLATE, deletionTimestamp="2026-01-01T00:00:00Z"), id="deleted"),
        pytest.param(pod({"name": "dev", "resourceClaimName": "mine"}), id="names a claim"),
    ],
)
def test_nothing_is_made_for_a_pod_that_needs_nothing(made: Obj) -> None:
    world = World()
    world.put(CLAIM_TEMPLATES, template())
    world.put(PODS, made)
    assert world.settle(CONTROLLER, POD_KEY) == 0


def test_somebody_elses_claim_is_not_taken() -> None:
    world = World()
    mine = pod(FROM_TEMPLATE)
    mine["status"]["resourceClaimStatuses"] = [{"name": "dev", "resourceClaimName": "c"}]
    world.put(PODS, mine)
    world.put(RESOURCE_CLAIMS, claim(owner="other"))
    assert world.settle(CONTROLLER, POD_KEY) == 0
    message = "PodResourceClaim dev: ResourceClaim ns/c was not created for pod ns/p (pod is not owner)"
    assert world.events == [("FailedResourceClaimCreation", message)]


def test_a_pod_that_came_to_its_node_by_itself_gets_its_claim_reserved() -> None:
    world = World()
    world.put(PODS, pod({"name": "dev", "resourceClaimName": "c"}, node="n1"))
    world.put(RESOURCE_CLAIMS, claim())
    world.settle(CONTROLLER, POD_KEY)
    users = world.get(RESOURCE_CLAIMS, "c")["status"]["reservedFor"]
    assert users == [{"resource": "pods", "name": "p", "uid": "p-uid"}]


@pytest.mark.parametrize(
    ("user", "stays"),
    [
        pytest.param(pod(node="n1", phase="Running"), True, id="runs"),
        pytest.param(pod(node="n1", deletionTimestamp="2026-01-01T00:00:00Z"), True, id="still ending on its node"),
        pytest.param(pod(node="n1", phase="Failed"), False, id="failed"),
        pytest.param(pod(deletionTimestamp="2026-01-01T00:00:00Z"), False, id="deleted before it had a node"),
        pytest.param(pod(uid="new"), False, id="another pod of that name"),
        pytest.param(None, False, id="gone"),
    ],
)
def test_devices_are_given_back_when_the_last_user_is_gone(user: Obj | None, stays: bool) -> None:
    world = World()
    if user is not None:
        world.put(PODS, user)
    world.put(RESOURCE_CLAIMS, claim("p-uid"))
    world.settle(CONTROLLER, ("ns", "c"))
    found = world.get(RESOURCE_CLAIMS, "c")
    assert found["status"] == (claim("p-uid")["status"] if stays else {})
    assert found["metadata"]["finalizers"] == ([FINALIZER] if stays else [])


def test_one_user_of_two_leaves() -> None:
    world = World()
    world.put(PODS, pod(node="n1", phase="Running"))
    world.put(RESOURCE_CLAIMS, claim("gone", "p-uid"))
    world.settle(CONTROLLER, ("ns", "c"))
    status = world.get(RESOURCE_CLAIMS, "c")["status"]
    assert status == claim("p-uid")["status"]


@pytest.mark.parametrize("allocated", [True, False])
def test_a_claim_that_is_to_be_deleted_goes_when_unused(allocated: bool) -> None:
    world = World()
    world.put(RESOURCE_CLAIMS, claim(allocated=allocated, deletionTimestamp="2026-01-01T00:00:00Z"))
    world.settle(CONTROLLER, ("ns", "c"))
    found = world.get(RESOURCE_CLAIMS, "c")
    assert found["status"] == {}
    assert found["metadata"]["finalizers"] == []


def test_a_finalizer_that_was_just_set_stays() -> None:
    """The scheduler sets it before it writes the allocation."""
    world = World()
    world.put(RESOURCE_CLAIMS, claim(allocated=False))
    assert world.settle(CONTROLLER, ("ns", "c")) == 0


@pytest.mark.parametrize(
    ("owner", "goes"),
    [
        pytest.param(pod(phase="Succeeded", node="n1"), True, id="finished"),
        pytest.param(pod(uid="new"), True, id="replaced"),
        pytest.param(pod(), False, id="waits"),
        pytest.param(None, False, id="not known: the garbage collector's"),
    ],
)
def test_a_generated_claim_goes_with_its_finished_pod(owner: Obj | None, goes: bool) -> None:
    world = World()
    if owner is not None:
        world.put(PODS, owner)
    world.put(RESOURCE_CLAIMS, claim(allocated=False, finalizer=False, owner="p-uid"))
    world.settle(CONTROLLER, ("ns", "c"))
    assert bool(world.list(RESOURCE_CLAIMS)) != goes


def test_the_changes_of_a_pod_and_of_a_claim_lead_to_each_other() -> None:
    world = World()
    mine = world.put(PODS, pod(FROM_TEMPLATE, node="n1", phase="Succeeded"))
    held = world.put(RESOURCE_CLAIMS, claim("p-uid", owner="p-uid"))
    keys = {watch.gvr: watch.keys for watch in CONTROLLER.watches}
    assert set(keys[PODS](None, mine, world.cache)) == {POD_KEY, ("ns", "c")}
    assert set(keys[PODS](mine, None, world.cache)) == {("ns", "c")}
    assert set(keys[RESOURCE_CLAIMS](None, held, world.cache)) == {POD_KEY, ("ns", "c")}
    assert set(keys[CLAIM_TEMPLATES](None, template(), world.cache)) == {POD_KEY}


def test_long_names_are_cut_in_proportion() -> None:
    assert generate_name("web-7d4b9c-x2x9z", "gpu") == "web-7d4b9c-x2x9z-gpu-"
    assert generate_name("p" * 60, "c" * 60) == f"{'p' * 28}-{'c' * 28}-"
