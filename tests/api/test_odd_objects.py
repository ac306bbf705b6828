"""Objects that ask for what cannot be, with the controllers running: each is told so, and everything else is served as ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.controllers import resources as r
from kubern.controllers.cache import Options
from tests.api.test_controllers import Cluster, started

EVENTS = GVR("", "v1", "events")
CONTAINERS = [{"name": "c", "image": "registry.example/c:1"}]


def template(labels: dict[str, str], **spec: Any) -> Obj:
    return {
        "metadata": {"labels": labels},
        "spec": {"containers": CONTAINERS, "terminationGracePeriodSeconds": 0, **spec},
    }


def workload(labels: dict[str, str], replicas: int = 2) -> Obj:
    return {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template(labels)}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with started(tmp_path, Options(root_ca="PEM")) as made:
        for gvr in (EVENTS, r.CONFIG_MAPS, r.DISRUPTION_BUDGETS, r.RESOURCE_QUOTAS, r.CRON_JOBS, r.JOBS):
            made.informers.of(gvr)
        yield made


async def make(cluster: Cluster, gvr: GVR, name: str, spec: Obj, **meta: Any) -> Obj:
    return await cluster.client.create(gvr, {"metadata": {"name": name, **meta}, "spec": spec}, "default")


async def others_are_served(cluster: Cluster) -> None:
    """A plain Deployment comes up as if nothing was odd."""
    await make(cluster, r.DEPLOYMENTS, "plain", workload({"app": "plain"}))
    await cluster.until(lambda: (cluster.get(r.DEPLOYMENTS, "plain") or {}).get("status", {}).get("readyReplicas") == 2)


def owned_by(cluster: Cluster, name: str) -> list[str]:
    """Return the uids of the pods of the workload whose ReplicaSets or self is `name`."""
    return [
        pod["metadata"]["uid"]
        for pod in cluster.list(r.PODS)
        for owner in pod["metadata"].get("ownerReferences") or ()
        if owner["name"].startswith(name) and owner["controller"]
    ]


async def told(cluster: Cluster, reason: str, message: str) -> None:
    def found() -> bool:
        return any(e["reason"] == reason and message in e["message"] for e in cluster.list(EVENTS))

    await cluster.until(found)


async def test_workloads_whose_selectors_overlap_keep_their_own_pods(cluster: Cluster) -> None:
    labels = {"app": "shared"}
    await make(cluster, r.DEPLOYMENTS, "one", workload(labels))
    await make(cluster, r.DEPLOYMENTS, "two", workload(labels, 3))
    await make(cluster, r.REPLICA_SETS, "set", workload(labels, 1))
    await cluster.until(lambda: [len(owned_by(cluster, name)) for name in ("one-", "two-", "set")] == [2, 3, 1])
    await cluster.client.delete(r.DEPLOYMENTS, "one", "default")
    await cluster.until(lambda: [len(owned_by(cluster, name)) for name in ("one-", "two-", "set")] == [0, 3, 1])
    await others_are_served(cluster)


async def test_selectors_that_match_nothing_find_nothing(cluster: Cluster) -> None:
    nothing = {"matchLabels": {"app": "none"}}
    await make(cluster, r.SERVICES, "empty", {"selector": {"app": "none"}, "ports": [{"port": 80}]})
    await make(cluster, r.DISRUPTION_BUDGETS, "empty", {"selector": nothing, "minAvailable": 1})

    def slices() -> list[Obj]:
        return [s for s in cluster.list(r.ENDPOINT_SLICES) if s["metadata"]["name"].startswith("empty-")]

    def budget() -> Obj:
        found: Obj = (cluster.get(r.DISRUPTION_BUDGETS, "empty") or {}).get("status") or {}
        return found

    await cluster.until(lambda: slices() and not slices()[0].get("endpoints"))
    await cluster.until(lambda: budget().get("conditions"))
    (condition,) = budget()["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "DisruptionAllowed", "False", "InsufficientPods",
    )  # fmt: skip
    await others_are_served(cluster)


async def test_a_cron_line_that_never_fires_is_said_to_be_one(cluster: Cluster) -> None:
    job = {"template": template({}, restartPolicy="Never")}
    never = {"schedule": "0 0 31 2 *", "jobTemplate": {"spec": job}}
    await make(cluster, r.CRON_JOBS, "never", never)
    await told(cluster, "InvalidSchedule", "invalid schedule: 0 0 31 2 *")
    assert not cluster.list(r.JOBS)
    await others_are_served(cluster)


async def test_owners_in_a_circle_go_with_the_first_of_them(cluster: Cluster) -> None:
    def owner(of: Obj) -> list[Obj]:
        meta = of["metadata"]
        return [{"apiVersion": "v1", "kind": "ConfigMap", "name": meta["name"], "uid": meta["uid"]}]

    maps = [await cluster.client.create(r.CONFIG_MAPS, {"metadata": {"name": n}}, "default") for n in ("a", "b", "c")]
    for one, other in zip(maps, [*maps[1:], maps[0]], strict=True):
        change = {"metadata": {"ownerReferences": owner(other)}}
        await cluster.client.patch(r.CONFIG_MAPS, one["metadata"]["name"], change, "default")
    alone = await cluster.client.create(r.CONFIG_MAPS, {"metadata": {"name": "alone"}}, "default")
    await cluster.client.patch(r.CONFIG_MAPS, "alone", {"metadata": {"ownerReferences": owner(alone)}}, "default")
    await others_are_served(cluster)
    assert {"a", "b", "c", "alone"} <= {each["metadata"]["name"] for each in cluster.list(r.CONFIG_MAPS)}
    await cluster.client.delete(r.CONFIG_MAPS, "a", "default", propagation="Foreground")
    await cluster.until(
        lambda: not {"a", "b", "c"} & {each["metadata"]["name"] for each in cluster.list(r.CONFIG_MAPS)}
    )
    assert cluster.get(r.CONFIG_MAPS, "alone")


async def test_amounts_beyond_all_bounds_are_counted_and_hurt_nobody(cluster: Cluster) -> None:
    await make(cluster, r.RESOURCE_QUOTAS, "vast", {"hard": {"requests.cpu": "1e400", "pods": "9"}})

    def used() -> Any:
        return ((cluster.get(r.RESOURCE_QUOTAS, "vast") or {}).get("status") or {}).get("used")

    await cluster.until(used)
    spec = template({})["spec"]
    spec["containers"] = [{**CONTAINERS[0], "resources": {"requests": {"cpu": "1e400"}}}]
    await make(cluster, r.PODS, "vast", spec)
    await cluster.until(lambda: (used() or {}).get("pods") == "1" and used()["requests.cpu"] != "0")
    await cluster.client.delete(r.RESOURCE_QUOTAS, "vast", "default")
    await others_are_served(cluster)
