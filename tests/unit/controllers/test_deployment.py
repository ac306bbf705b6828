"""Deployments: rollout, rollback, scale, pause, conditions, limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.base.json import Obj
from kubern.controllers.conditions import find
from kubern.controllers.deployment.model import Limits, limits
from kubern.controllers.deployment.template import same_template, template_hash
from kubern.controllers.kinds import deployment, replicaset
from kubern.controllers.pods import is_ready
from kubern.controllers.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from tests.unit.controllers.world import World, run_pod

DEPLOYMENT, REPLICA_SET = deployment.CONTROLLER.reconciler, replicaset.CONTROLLER.reconciler
assert DEPLOYMENT is not None
assert REPLICA_SET is not None
KEY = ("ns", "web")


def template(image: str) -> Obj:
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}


def web(replicas: int, image: str = "one", **spec: Any) -> Obj:
    full = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": template(image),
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 10,
        **spec,
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "ns"}, "spec": full}


def act(world: World) -> bool:
    """Let both controllers act once."""
    did = world.step(DEPLOYMENT, KEY)
    for each in world.list(REPLICA_SETS):
        did |= world.step(REPLICA_SET, (each["metadata"]["namespace"], each["metadata"]["name"]))
    return did


def roll(world: World, limit: int = 200) -> None:
    """Let everybody act, pods become ready at once, until nothing happens any more."""
    for _ in range(limit):
        did = act(world)
        for each in world.list(PODS):
            if not is_ready(each):
                run_pod(world, each["metadata"]["name"])
                did = True
        if not did:
            return
    raise AssertionError("the rollout never ends")


def set_image(world: World, image: str) -> None:
    world.change(DEPLOYMENTS, "web", lambda obj: obj["spec"].update(template=template(image)))


def sizes(world: World) -> dict[str, int]:
    """Replicas by image."""
    return {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"]
        for each in world.list(REPLICA_SETS)
    }


def condition(world: World, kind: str) -> tuple[str, str]:
    found = find(world.get(DEPLOYMENTS, "web")["status"]["conditions"], kind)
    assert found is not None
    return found["status"], found["reason"]


def revision(world: World) -> str:
    return str(world.get(DEPLOYMENTS, "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"])


def test_a_first_rollout() -> None:
    world = World()
    world.put(DEPLOYMENTS, web(3))
    roll(world)
    replica_set = world.list(REPLICA_SETS)[0]
    digest = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{digest}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": digest}
    status = world.get(DEPLOYMENTS, "web")["status"]
    assert {name: status[name] for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")} == {
        "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
    }  # fmt: skip
    assert "unavailableReplicas" not in status
    assert condition(world, "Available") == ("True", "MinimumReplicasAvailable")
    assert condition(world, "Progressing") == ("True", "NewReplicaSetAvailable")
    assert revision(world) == "1"
    assert ("ScalingReplicaSet", f"Scaled up replica set web-{digest} from 0 to 3") in world.events


def test_a_rolling_update_steps_within_its_limits_and_keeps_the_history() -> None:
    world = World()
    world.put(DEPLOYMENTS, web(4))
    roll(world)
    set_image(world, "two")
    world.step(DEPLOYMENT, KEY)
    assert sizes(world) == {"one": 4, "two": 1}
    roll(world)
    assert sizes(world) == {"one": 0, "two": 4}
    assert revision(world) == "2"


def test_a_rollback_brings_the_old_replica_set_back_as_the_newest_revision() -> None:
    world = World()
    world.put(DEPLOYMENTS, web(2))
    roll(world)
    set_image(world, "two")
    roll(world)
    set_image(world, "one")
    roll(world)
    assert sizes(world) == {"one": 2, "two": 0}
    assert revision(world) == "3"
    one = next(each for each in world.list(REPLICA_SETS) if each["spec"]["replicas"])
    assert one["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert one["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"


def test_recreate_waits_for_the_old_pods_to_be_gone() -> None:
    world = World()
    world.put(DEPLOYMENTS, web(2, strategy={"type": "Recreate"}))
    roll(world)
    set_image(world, "two")
    world.step(DEPLOYMENT, KEY)
    assert sizes(world) == {"one": 0}
    world.step(DEPLOYMENT, KEY)
    assert sizes(world) == {"one": 0}
    roll(world)
    assert sizes(world) == {"one": 0, "two": 2}


def test_a_pause_stops_the_rollout_but_not_scaling() -> None:
    world = World()
    world.put(DEPLOYMENTS, web(2))
    roll(world)
    world.change(DEPLOYMENTS, "web", lambda obj: obj["spec"].update(paused=True, template=template("two"), replicas=5))
    roll(world)
    assert sizes(world) == {"one": 5}
    assert condition(world, "Progressing") == ("Unknown", "DeploymentPaused")
    world.change(DEPLOYMENTS, "web", lambda obj: obj["spec"].update(paused=False))
    world.step(DEPLOYMENT, KEY)
    assert find(world.get(DEPLOYMENTS, "web")["status"]["conditions"], "Progressing")["status"] != "False"  # type: ignore[index]
    roll(world)
    assert sizes(world) == {"one": 0, "two": 5}


def test_scaling_in_mid_rollout_keeps_the_proportions() -> None:
    world = World()
    world.put(
        DEPLOYMENTS, web(10, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}})
    )
    roll(world)
    set_image(world, "two")
    for _ in range(6):
        act(world)  # the new pods never become ready
    before = sizes(world)
    assert before == {"one": 8, "two": 5}
    world.change(DEPLOYMENTS, "web", lambda obj: obj["spec"].update(replicas=20))
    world.step(DEPLOYMENT, KEY)
    after = sizes(world)
    assert sum(after.values()) == 23
    assert after["one"] > after["two"] > before["two"]


def test_a_rollout_that_makes_no_progress_is_told_after_its_deadline() -> None:
    world = World()
    world.put(DEPLOYMENTS, web(1, progressDeadlineSeconds=60))
    for _ in range(5):
        act(world)
    plan = world.plan(DEPLOYMENT, KEY)
    assert plan.requeue_after == 61
    world.pass_time(61)
    world.step(DEPLOYMENT, KEY)
    found = find(world.get(DEPLOYMENTS, "web")["status"]["conditions"], "Progressing")
    assert found is not None
    assert (found["status"], found["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert found["message"].endswith("has timed out progressing.")


def test_old_revisions_beyond_the_limit_are_forgotten() -> None:
    world = World()
    world.put(DEPLOYMENTS, web(1, revisionHistoryLimit=1))
    for image in ("one", "two", "three", "four"):
        set_image(world, image)
        roll(world)
    assert set(sizes(world)) == {"three", "four"}


def test_a_name_that_is_taken_leads_to_another_hash() -> None:
    world = World()
    world.put(DEPLOYMENTS, web(1))
    name = f"web-{template_hash(template('one'))}"
    spec = {"replicas": 0, "template": template("x"), "selector": {"matchLabels": {"x": "y"}}}
    stranger = {"metadata": {"name": name, "namespace": "ns", "labels": {"x": "y"}}, "spec": spec}
    world.put(REPLICA_SETS, stranger)
    world.step(DEPLOYMENT, KEY)
    assert world.get(DEPLOYMENTS, "web")["status"]["collisionCount"] == 1
    world.step(DEPLOYMENT, KEY)
    assert len(world.list(REPLICA_SETS)) == 2


def test_an_empty_selector_is_refused_with_an_event() -> None:
    world = World()
    world.put(DEPLOYMENTS, web(1, selector={}))
    world.step(DEPLOYMENT, KEY)
    assert world.events == [
        ("SelectingAll", "This deployment is selecting all pods. A non-empty selector is required.")
    ]


@pytest.mark.parametrize(
    ("surge", "unavailable", "count", "expected"),
    [
        ("25%", "25%", 4, Limits(1, 1)),
        ("25%", "25%", 3, Limits(1, 0)),
        ("25%", "25%", 1, Limits(1, 0)),
        (0, 0, 3, Limits(0, 1)),
        ("100%", "50%", 5, Limits(5, 2)),
        (2, 7, 3, Limits(2, 3)),
        (0, "10%", 1, Limits(0, 1)),
    ],
)
def test_percentages_round_to_the_safe_side(surge: Any, unavailable: Any, count: int, expected: Limits) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    assert limits(web(count, strategy={"type": "RollingUpdate", "rollingUpdate": rolling})) == expected


def test_the_hash_is_stable_and_the_hash_label_does_not_count() -> None:
    assert template_hash(template("one")) == template_hash(template("one"))
    assert template_hash(template("one")) != template_hash(template("two"))
    assert template_hash(template("one")) != template_hash(template("one"), 1)
    labelled = template("one")
    labelled["metadata"]["labels"]["pod-template-hash"] = "x"
    assert same_template(labelled, template("one"))


@settings(max_examples=60, deadline=None)
@given(
    replicas=st.integers(0, 8),
    surge=st.one_of(st.integers(0, 4), st.sampled_from(["0%", "25%", "100%"])),
    unavailable=st.one_of(st.integers(0, 4), st.sampled_from(["0%", "25%", "100%"])),
    chance=st.randoms(use_true_random=False),
)
def test_a_rollout_never_crosses_its_limits_and_comes_to_rest(
    replicas: int, surge: Any, unavailable: Any, chance: Any
) -> None:
    """Pods become ready, or not ready again, at any time; controllers act in any order."""
    world = World()
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    world.put(DEPLOYMENTS, web(replicas, strategy={"type": "RollingUpdate", "rollingUpdate": rolling}))
    roll(world)
    allowed = limits(world.get(DEPLOYMENTS, "web"))
    set_image(world, "two")
    for _ in range(40):
        available = sum(map(is_ready, world.list(PODS)))
        if chance.random() < 0.5:
            world.step(DEPLOYMENT, KEY)
        elif world.list(REPLICA_SETS):
            each = chance.choice(world.list(REPLICA_SETS))
            world.step(REPLICA_SET, ("ns", each["metadata"]["name"]))
        assert sum(sizes(world).values()) <= replicas + allowed.surge
        after = sum(map(is_ready, world.list(PODS)))
        assert after >= min(available, replicas - allowed.unavailable)
        for each in world.list(PODS):
            if not is_ready(each) and chance.random() < 0.3:
                run_pod(world, each["metadata"]["name"])
    roll(world)
    assert sizes(world).get("two", 0) == replicas
    assert not act(world)
