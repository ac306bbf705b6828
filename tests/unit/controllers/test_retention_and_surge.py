"""Who owns the claims of a StatefulSet's pods, and DaemonSets that start the new pod before the old one goes."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.controllers.resources import CLAIMS, DAEMON_SETS, PODS, STATEFUL_SETS
from kubern.controllers.revisions import HASH_LABEL
from tests.unit.controllers.test_daemonset import DAEMON, daemon_world, node, run_daemon, settle_daemon
from tests.unit.controllers.test_statefulset import ORDERED, settle_set
from tests.unit.controllers.workloads import KEY, images, template, workload
from tests.unit.controllers.world import World

CLAIM = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}


def owners(world: World) -> dict[str, list[str]]:
    return {
        each["metadata"]["name"]: [f"{o['kind']}/{o['name']}" for o in each["metadata"].get("ownerReferences") or ()]
        for each in world.list(CLAIMS)
    }


@pytest.mark.parametrize(
    ("policy", "kept", "scaled_away"),
    [
        (None, [], []),
        ({"whenDeleted": "Retain", "whenScaled": "Retain"}, [], []),
        ({"whenDeleted": "Delete", "whenScaled": "Retain"}, ["StatefulSet/db"], ["StatefulSet/db"]),
        ({"whenDeleted": "Retain", "whenScaled": "Delete"}, [], ["Pod/db-1"]),
        ({"whenDeleted": "Delete", "whenScaled": "Delete"}, ["StatefulSet/db"], ["Pod/db-1"]),
    ],
)
def test_claims_are_owned_by_whom_the_retention_policy_says(
    policy: Obj | None, kept: list[str], scaled_away: list[str]
) -> None:
    world = World()
    spec: dict[str, Any] = {"persistentVolumeClaimRetentionPolicy": policy} if policy else {}
    world.put(STATEFUL_SETS, workload("StatefulSet", replicas=2, volumeClaimTemplates=[CLAIM], **spec))
    settle_set(world)
    assert owners(world) == {"data-db-0": kept, "data-db-1": kept}
    world.change(STATEFUL_SETS, "db", lambda obj: obj["spec"].update(replicas=1))
    world.step(ORDERED, KEY)
    assert owners(world) == {"data-db-0": kept, "data-db-1": scaled_away}


def test_owners_of_others_stay_and_a_foreign_controller_is_respected() -> None:
    world = World()
    policy = {"whenDeleted": "Delete", "whenScaled": "Retain"}
    world.put(
        STATEFUL_SETS,
        workload("StatefulSet", replicas=2, volumeClaimTemplates=[CLAIM], persistentVolumeClaimRetentionPolicy=policy),
    )
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}
    for number, controller in ((0, False), (1, True)):
        meta = {
            "name": f"data-db-{number}",
            "namespace": "ns",
            "ownerReferences": [{**other, "controller": controller}],
        }
        world.put(CLAIMS, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": {}})
    settle_set(world)
    assert owners(world) == {"data-db-0": ["ConfigMap/x", "StatefulSet/db"], "data-db-1": ["ConfigMap/x"]}


def surging(most: int, nodes: int = 4) -> World:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": most, "maxUnavailable": 0}}
    world = daemon_world(*(node(f"n{i}") for i in range(nodes)), updateStrategy=rolling)
    world.change(DAEMON_SETS, "db", lambda obj: obj["spec"].update(template=template("two")))
    return world


def test_a_surge_starts_the_new_pod_before_the_old_one_goes() -> None:
    world = surging(1)
    for done in range(4):
        world.step(DAEMON, KEY)
        assert len(world.list(PODS)) == 5
        world.step(DAEMON, KEY)  # the new pod is not available yet: nothing more happens
        (new,) = [each for each in world.list(PODS) if not each["spec"].get("nodeName")]
        assert len(world.list(PODS)) == 5
        run_daemon(world, new["metadata"]["name"])
        world.step(DAEMON, KEY)
        assert sorted(images(world).values()).count("two") == done + 1 + (done < 3)
    settle_daemon(world)
    assert set(images(world).values()) == {"two"}
    assert len(world.list(PODS)) == 4
    assert len({each["metadata"]["labels"][HASH_LABEL] for each in world.list(PODS)}) == 1


def test_where_the_old_pod_does_not_work_its_successor_starts_at_once() -> None:
    world = surging(1)
    for each in world.list(PODS)[:2]:
        world.change(PODS, each["metadata"]["name"], lambda obj: obj["status"].update(conditions=[]))
    world.step(DAEMON, KEY)
    assert len(world.list(PODS)) == 6
    settle_daemon(world)
    assert set(images(world).values()) == {"two"}
    assert len(world.list(PODS)) == 4
