"""Namespaces, accounts, the published authority, roles, budgets and quotas."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.controllers.actions import Delete, DeleteAll, Update
from kubern.controllers.cache import Options
from kubern.controllers.conditions import find
from kubern.controllers.discovery import Served
from kubern.controllers.kinds import (
    clusterrole_aggregation,
    disruption,
    namespace,
    resourcequota,
    root_ca_publisher,
    serviceaccount,
)
from kubern.controllers.resources import (
    CLUSTER_ROLES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    RESOURCE_QUOTAS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from tests.unit.controllers.world import World, pod

ACCOUNTS, ROOT_CA = serviceaccount.CONTROLLER.reconciler, root_ca_publisher.CONTROLLER.reconciler
ROLES, BUDGETS = clusterrole_aggregation.CONTROLLER.reconciler, disruption.CONTROLLER.reconciler
QUOTAS = resourcequota.CONTROLLER.reconciler
assert ACCOUNTS is not None
assert ROOT_CA is not None
assert ROLES is not None
assert BUDGETS is not None
assert QUOTAS is not None


def a_namespace(phase: str = "Active", **meta: Any) -> Obj:
    spec = {"finalizers": ["kubernetes"]}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "ns", **meta},
        "spec": spec,
        "status": {"phase": phase},
    }


# Namespace

MAPS = Served(GVR("", "v1", "configmaps"), "ConfigMap", True, frozenset({"list", "delete", "deletecollection"}))
THINGS = Served(GVR("x.io", "v1", "things"), "Thing", True, frozenset({"list", "delete"}))


def leaving(*remaining: namespace.Remaining, **failures: Any) -> namespace.Observed:
    obj = a_namespace("Terminating", deletionTimestamp="2026-01-01T00:00:00Z")
    return namespace.Observed(obj, remaining, **failures)


def item(name: str, **meta: Any) -> Obj:
    return {"metadata": {"name": name, "namespace": "ns", "uid": name, **meta}}


def test_a_live_namespace_is_left_alone() -> None:
    world = World()
    world.put(NAMESPACES, a_namespace())
    assert namespace.observe(("", "ns"), world.cache) is None


def test_what_is_left_is_deleted_and_told() -> None:
    held = item("b", finalizers=["x.io/wait"], deletionTimestamp="2026-01-01T00:00:00Z")
    observed = leaving(namespace.Remaining(MAPS, [item("a")]), namespace.Remaining(THINGS, [item("a"), held]))
    plan = namespace.decide(observed, World().now)
    assert plan.actions == (DeleteAll(MAPS.gvr, "ns"), Delete(THINGS.gvr, "ns", "a", "a"))
    assert plan.requeue_after == 0.1
    assert plan.status is not None
    remaining = find(plan.status["conditions"], "NamespaceContentRemaining")
    assert remaining is not None
    assert remaining["message"] == (
        "Some resources are remaining: configmaps. has 1 resource instances, things.x.io has 2 resource instances"
    )
    finalizers = find(plan.status["conditions"], "NamespaceFinalizersRemaining")
    assert finalizers is not None
    assert finalizers["message"] == (
        "Some content in the namespace has finalizers remaining: x.io/wait in 1 resource instances"
    )


def test_an_empty_namespace_is_let_go() -> None:
    plan = namespace.decide(leaving(), World().now)
    assert len(plan.actions) == 1
    action = plan.actions[0]
    assert isinstance(action, Update)
    assert (action.subresource, action.obj["spec"]["finalizers"]) == ("finalize", [])


@pytest.mark.parametrize(
    ("failures", "condition"),
    [
        ({"undiscovered": ("x.io/v1",)}, "NamespaceDeletionDiscoveryFailure"),
        ({"unlisted": ("things: no",)}, "NamespaceDeletionContentFailure"),
    ],
)
def test_what_could_not_be_asked_keeps_the_namespace(failures: dict[str, Any], condition: str) -> None:
    plan = namespace.decide(leaving(**failures), World().now)
    assert plan.actions == ()
    assert plan.status is not None
    found = find(plan.status["conditions"], condition)
    assert found is not None
    assert found["status"] == "True"


# accounts and the authority


def test_every_live_namespace_gets_its_account_again_and_again() -> None:
    world = World()
    world.put(NAMESPACES, a_namespace())
    world.settle(ACCOUNTS, ("", "ns"))
    assert world.get(SERVICE_ACCOUNTS, "default")
    world.remove(SERVICE_ACCOUNTS, world.get(SERVICE_ACCOUNTS, "default"))
    world.put(NAMESPACES, a_namespace("Terminating"))
    assert not world.step(ACCOUNTS, ("", "ns"))


def test_the_authority_is_published_and_mended() -> None:
    world = World(Options(root_ca="PEM"))
    world.put(NAMESPACES, a_namespace())
    world.settle(ROOT_CA, ("", "ns"))
    world.change(CONFIG_MAPS, "kube-root-ca.crt", lambda obj: obj.update(data={}))
    world.settle(ROOT_CA, ("", "ns"))
    assert world.get(CONFIG_MAPS, "kube-root-ca.crt")["data"] == {"ca.crt": "PEM"}


# roles


def test_an_aggregating_role_has_its_parts_rules() -> None:
    world = World()
    rule = {"verbs": ["get"], "resources": ["pods"], "apiGroups": [""]}
    selector = {"matchLabels": {"aggregate": "yes"}}
    world.put(CLUSTER_ROLES, {"metadata": {"name": "all"}, "aggregationRule": {"clusterRoleSelectors": [selector]}})
    for name in ("a", "b"):
        world.put(CLUSTER_ROLES, {"metadata": {"name": name, "labels": {"aggregate": "yes"}}, "rules": [rule]})
    world.put(CLUSTER_ROLES, {"metadata": {"name": "c"}, "rules": [{"verbs": ["*"]}]})
    world.settle(ROLES, ("", "all"))
    assert world.get(CLUSTER_ROLES, "all", "")["rules"] == [rule]


# budgets


def budget_world(ready: int, total: int, **spec: Any) -> World:
    """A Deployment of `total` pods of which `ready` are ready, under a budget."""
    world = World()
    meta = {"namespace": "ns"}
    deployment = world.put(DEPLOYMENTS, {"metadata": {**meta, "name": "d"}, "spec": {"replicas": total}})
    up = {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "name": "d",
        "uid": deployment["metadata"]["uid"],
        "controller": True,
    }
    replica_set = world.put(
        REPLICA_SETS, {"metadata": {**meta, "name": "r", "ownerReferences": [up]}, "spec": {"replicas": total}}
    )
    owner = {**up, "kind": "ReplicaSet", "name": "r", "uid": replica_set["metadata"]["uid"]}
    for number in range(total):
        made = pod(f"p{number}", {"app": "x"}, ready=number < ready)
        made["metadata"]["ownerReferences"] = [owner]
        world.put(PODS, made)
    full = {"selector": {"matchLabels": {"app": "x"}}, **spec}
    world.put(DISRUPTION_BUDGETS, {"metadata": {**meta, "name": "b"}, "spec": full})
    world.settle(BUDGETS, ("ns", "b"))
    return world


@pytest.mark.parametrize(
    ("ready", "total", "spec", "allowed"),
    [
        (3, 3, {"minAvailable": 2}, 1),
        (2, 3, {"minAvailable": 2}, 0),
        (4, 4, {"minAvailable": "50%"}, 2),
        (3, 3, {"minAvailable": "50%"}, 1),
        (4, 4, {"maxUnavailable": 1}, 1),
        (3, 4, {"maxUnavailable": 1}, 0),
        (4, 4, {"maxUnavailable": "30%"}, 2),
        (0, 0, {"minAvailable": 0}, 0),
    ],
)
def test_disruptions_allowed(ready: int, total: int, spec: Obj, allowed: int) -> None:
    status = budget_world(ready, total, **spec).get(DISRUPTION_BUDGETS, "b")["status"]
    assert (status["disruptionsAllowed"], status["currentHealthy"]) == (allowed, ready)
    found = find(status["conditions"], "DisruptionAllowed")
    assert found is not None
    assert found["reason"] == ("SufficientPods" if allowed else "InsufficientPods")


def test_an_eviction_under_way_counts_until_it_is_seen_or_given_up() -> None:
    world = budget_world(3, 3, minAvailable=1)
    world.change(
        DISRUPTION_BUDGETS,
        "b",
        lambda obj: obj["status"].update(disruptedPods={"p0": "2026-01-01T00:00:00Z", "x": "2026-01-01T00:00:00Z"}),
    )
    plan = world.plan(BUDGETS, ("ns", "b"))
    assert plan.status is not None
    assert plan.status["disruptedPods"] == {"p0": "2026-01-01T00:00:00Z"}
    assert plan.status["disruptionsAllowed"] == 1
    assert plan.requeue_after == 120
    world.pass_time(120)
    plan = world.plan(BUDGETS, ("ns", "b"))
    assert plan.status is not None
    assert plan.status["disruptionsAllowed"] == 2


def test_a_share_of_pods_without_controller_cannot_be_known() -> None:
    world = budget_world(1, 1, maxUnavailable=1)
    world.put(PODS, pod("bare", {"app": "x"}))
    world.settle(BUDGETS, ("ns", "b"))
    found = find(world.get(DISRUPTION_BUDGETS, "b")["status"]["conditions"], "DisruptionAllowed")
    assert found is not None
    assert (found["reason"], found["message"]) == ("SyncFailed", 'found no controllers for pod "bare"')


# quotas


def quota(hard: dict[str, str], **spec: Any) -> Obj:
    return {"metadata": {"name": "q", "namespace": "ns"}, "spec": {"hard": hard, **spec}}


def asking(name: str, cpu: str, *, limit: str = "", **spec: Any) -> Obj:
    resources: Obj = {"requests": {"cpu": cpu}} | ({"limits": {"cpu": limit}} if limit else {})
    return pod(name, containers=[{"name": "c", "resources": resources}], **spec)


def used(world: World) -> Obj:
    world.settle(QUOTAS, ("ns", "q"))
    found: Obj = world.get(RESOURCE_QUOTAS, "q")["status"]["used"]
    return found


def test_usage_is_added_up_over_what_counts() -> None:
    world = World()
    world.put(
        RESOURCE_QUOTAS,
        quota(
            {"pods": "9", "cpu": "4", "limits.cpu": "8", "services": "2", "services.nodeports": "1", "configmaps": "1"}
        ),
    )
    init = [{"name": "i", "resources": {"requests": {"cpu": "900m"}}}]
    world.put(PODS, asking("a", "250m", limit="1"))
    world.put(PODS, asking("b", "500m", initContainers=init))
    ended = asking("c", "8")
    ended["status"]["phase"] = "Failed"
    world.put(PODS, ended)
    ports = [{"port": 1}, {"port": 2}]
    world.put(SERVICES, {"metadata": {"name": "s", "namespace": "ns"}, "spec": {"type": "NodePort", "ports": ports}})
    assert used(world) == {
        "pods": "2", "cpu": "1150m", "limits.cpu": "1", "services": "1", "services.nodeports": "2", "configmaps": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"scopes": ["BestEffort"]}, "1"),
        ({"scopes": ["NotBestEffort"]}, "2"),
        ({"scopes": ["Terminating"]}, "1"),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]
                }
            },
            "1",
        ),
    ],
    ids=["best effort", "not best effort", "terminating", "priority"],
)
def test_scopes(scope: Obj, expected: str) -> None:
    world = World()
    world.put(RESOURCE_QUOTAS, quota({"pods": "9"}, **scope))
    world.put(PODS, pod("plain", activeDeadlineSeconds=5))
    world.put(PODS, asking("a", "1"))
    world.put(PODS, asking("b", "1", priorityClassName="high"))
    assert used(world) == {"pods": expected}
