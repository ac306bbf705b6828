"""What the kubelet does next, situation by situation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.kubelet import decide as d
from kubern.kubelet.decide import Checks, Restart, Situation, decide
from kubern.kubelet.observed import observed
from kubern.kubelet.runtime.contract import CREATED, EXITED, RUNNING, UNKNOWN, Container, Sandbox
from tests.unit.kubelet.pods import NOW, at, container, holds, pod, sandbox

INIT = {"initContainers": [{}, {}]}
SIDECAR = {"initContainers": [{"restartPolicy": "Always"}, {}]}
DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def actions(spec: dict[str, Any], seen: Any, **more: Any) -> list[Any]:
    return [_short(each) for each in decide(Situation(spec, seen, NOW, **more)).actions]


def _short(action: Any) -> Any:
    match action:
        case d.StartContainer(name, attempt, _):
            return (f"start {name}", attempt)
        case d.KillContainer(name, _, _, _):
            return f"kill {name}"
        case d.CreateSandbox(attempt):
            return ("sandbox", attempt)
        case d.StopSandbox(id):
            return f"stop {id}"
        case d.ResizeContainer(name, _):
            return f"resize {name}"
        case d.RemoveContainer(id) | d.RemoveSandbox(id):
            return f"remove {id}"
    return "terminate"


CASES = {
    "nothing there yet": (pod(), holds(sandboxes=()), [("sandbox", 0)]),
    "sandbox is there": (pod({}, {}), holds(), [("start c0", 0), ("start c1", 0)]),
    "one of two runs": (pod({}, {}), holds(container("c0")), [("start c1", 0)]),
    "all run": (pod({}, {}), holds(container("c0"), container("c1")), []),
    "never started after creation": (pod(), holds(container("c0", CREATED)), [("start c0", 1)]),
    "ended, Always": (pod(), holds(container("c0", EXITED)), [("start c0", 1)]),
    "ended well, OnFailure": (pod({}, {}, restartPolicy="OnFailure"), holds(container("c0", EXITED), container("c1")), []),
    "ended badly, OnFailure": (
        pod({}, {}, restartPolicy="OnFailure"), holds(container("c0", EXITED, 1), container("c1")), [("start c0", 1)],
    ),
    "ended badly, Never": (pod({}, {}, restartPolicy="Never"), holds(container("c0", EXITED, 1), container("c1")), []),
    "container's own restart policy": (
        pod({"restartPolicy": "Always"}, {}, restartPolicy="Never"),
        holds(container("c0", EXITED, 1), container("c1")), [("start c0", 1)],
    ),
    "restart rule for its exit code": (
        pod({"restartPolicy": "Never", "restartPolicyRules": [
            {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]}, {}, restartPolicy="Never"),
        holds(container("c0", EXITED, 42), container("c1")), [("start c0", 1)],
    ),
    "all ended for good": (pod(restartPolicy="Never"), holds(container("c0", EXITED)), ["terminate"]),
    "first init container": (pod(**INIT), holds(), [("start i0", 0)]),
    "init container runs": (pod(**INIT), holds(container("i0")), []),
    "second init container": (pod(**INIT), holds(container("i0", EXITED)), [("start i1", 0)]),
    "initialized": (pod(**INIT), holds(container("i0", EXITED), container("i1", EXITED)), [("start c0", 0)]),
    "init failed": (pod(**INIT), holds(container("i0", EXITED, 1)), [("start i0", 1)]),
    "init failed for good": (pod(**INIT, restartPolicy="Never"), holds(container("i0", EXITED, 1)), ["terminate"]),
    "sidecar first": (pod(**SIDECAR), holds(), [("start i0", 0)]),
    "sidecar runs, then the next": (pod(**SIDECAR), holds(container("i0")), [("start i1", 0)]),
    "sidecar ended while the pod runs": (
        pod(**SIDECAR), holds(container("i0", EXITED), container("i1", EXITED), container("c0")), [("start i0", 1)],
    ),
    "sidecar outlives the work": (
        pod(**SIDECAR, restartPolicy="Never"),
        holds(container("i0"), container("i1", EXITED), container("c0", EXITED)), ["terminate"],
    ),
    "image changed": (pod({"image": "other"}), holds(container("c0")), ["kill c0"]),
    "unknown state": (pod(), holds(container("c0", UNKNOWN)), ["kill c0"]),
    "sandbox died": (
        pod(), holds(container("c0", EXITED, 255), sandboxes=(sandbox(ready=False),)), ["stop s0", ("sandbox", 1)],
    ),
    "after the new sandbox": (
        pod(), holds(container("c0", EXITED, 255), sandboxes=(sandbox(attempt=1), sandbox(ready=False))), [("start c0", 1)],
    ),
    "new sandbox starts with the first init container": (
        pod(**INIT),
        holds(container("i0", EXITED), container("i1", EXITED), container("c0", EXITED, 255),
              sandboxes=(sandbox(attempt=1), sandbox(ready=False))),
        [("start i0", 1)],
    ),
    "what succeeded is not run again in a new sandbox": (
        pod({}, {}, restartPolicy="OnFailure"),
        holds(container("c0", EXITED), container("c1", EXITED, 1), sandboxes=(sandbox(attempt=1), sandbox(ready=False))),
        [("start c1", 1)],
    ),
    "deleted": (pod(meta=DELETED), holds(container("c0")), ["terminate"]),
    "deleted and ended": (pod(meta=DELETED), holds(container("c0", EXITED), sandboxes=(sandbox(ready=False),)), []),
    "old instances are removed, two are kept": (
        pod(), holds(*(container("c0", EXITED, 1, n) for n in range(3)), container("c0", restarts=3)),
        ["remove c0-1", "remove c0-0"],
    ),
    "one dead sandbox is kept": (
        pod(),
        holds(container("c0", sandbox_id="s2"),
              sandboxes=(sandbox(attempt=2), sandbox(attempt=1, ready=False), sandbox(ready=False))),
        ["remove s0"],
    ),
    "ephemeral containers run once": (
        pod(ephemeralContainers=[{"name": "e"}]), holds(container("c0"), container("e", EXITED, 1)), [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "seen", "wanted"), CASES.values(), ids=CASES.keys())
def test_next_actions(spec: dict[str, Any], seen: Any, wanted: list[Any]) -> None:
    assert actions(spec, seen) == wanted


def test_a_deleted_pod_is_finished_once_nothing_runs() -> None:
    dead = (sandbox(ready=False),)
    assert decide(Situation(pod(meta=DELETED), holds(container("c0", EXITED), sandboxes=dead), NOW)).finished
    assert not decide(Situation(pod(meta=DELETED), holds(container("c0", EXITED)), NOW)).finished


def test_a_failed_liveness_probe_kills() -> None:
    plan = decide(Situation(pod(), holds(container("c0")), NOW, checks={"c0": Checks(unhealthy="why")}))
    assert plan.actions == (d.KillContainer("c0", "c0-0", "why", liveness=True),)


def test_the_next_container_waits_for_the_sidecars_startup_probe() -> None:
    seen = holds(container("i0"))
    assert actions(pod(**SIDECAR), seen, checks={"i0": Checks(started=False)}) == []


@pytest.mark.parametrize(
    ("policy", "applied", "wanted"),
    [
        ("NotRequired", {"limits": {"cpu": "100m"}}, ["resize c0"]),
        ("RestartContainer", {"limits": {"cpu": "100m"}}, ["kill c0"]),
        ("NotRequired", {"limits": {"cpu": "0.2"}}, []),
        ("NotRequired", None, []),
    ],
    ids=["in place", "by restart", "the same amount", "unknown"],
)
def test_resize(policy: str, applied: dict[str, Any] | None, wanted: list[str]) -> None:
    container_spec = {
        "resources": {"limits": {"cpu": "200m"}},
        "resizePolicy": [{"resourceName": "cpu", "restartPolicy": policy}],
    }
    given_before = {} if applied is None else {"c0": applied}
    assert actions(pod(container_spec), holds(container("c0")), applied=given_before) == wanted


@pytest.mark.parametrize(
    ("last", "wanted"),
    [
        (None, Restart(10, NOW)),
        (Restart(10, NOW - timedelta(seconds=60)), Restart(20, NOW)),
        (Restart(160, NOW - timedelta(seconds=200)), Restart(300, NOW)),
        (Restart(300, NOW - timedelta(seconds=601)), Restart(10, NOW)),
    ],
    ids=["first", "doubled", "capped", "forgotten after ten minutes"],
)
def test_restart_delays(last: Restart | None, wanted: Restart) -> None:
    ended = container("c0", EXITED, finished_at=at(-1000))
    plan = decide(Situation(pod(), holds(ended), NOW, restarts={"c0": last} if last else {}))
    assert plan.actions == (d.StartContainer("c0", 1, wanted),)


def test_a_container_waits_in_back_off_from_its_end_on() -> None:
    seen = holds(container("c0", EXITED, finished_at=at(-4)))
    plan = decide(Situation(pod(), seen, NOW, restarts={"c0": Restart(10, NOW - timedelta(seconds=5))}))
    assert plan.actions == ()
    assert plan.backing_off == {"c0": 10}
    assert plan.requeue_after == pytest.approx(6)


def test_active_deadline() -> None:
    spec, seen = pod(activeDeadlineSeconds=30), holds(container("c0"))
    early = decide(Situation(spec, seen, NOW, start_time=NOW - timedelta(seconds=10)))
    assert (early.actions, early.requeue_after) == ((), 20)
    late = decide(Situation(spec, seen, NOW, start_time=NOW - timedelta(seconds=31)))
    assert late.actions == (d.Terminate(),)
    assert late.deadline_exceeded


def test_back_off_message_is_upstreams() -> None:
    assert d.back_off_message(pod(), "c0", 10) == "back-off 10s restarting failed container=c0 pod=p_ns(u)"
    assert "back-off 2m40s " in d.back_off_message(pod(), "c0", 160)
    assert "back-off 5m0s " in d.back_off_message(pod(), "c0", 300)


class Simulated:
    """Applies plans the way the worker does, with containers that run on or end at once."""

    def __init__(self, spec: dict[str, Any], exits: dict[str, list[int]]) -> None:
        self.spec, self.exits = spec, exits
        self.sandboxes: list[Sandbox] = []
        self.containers: list[Container] = []
        self.restarts: dict[str, Restart] = {}
        self.now = NOW

    def step(self) -> d.Plan:
        seen = observed(self.sandboxes, self.containers)
        plan = decide(Situation(self.spec, seen, self.now, restarts=self.restarts))
        for action in plan.actions:
            self._apply(action)
        self.now += timedelta(seconds=plan.requeue_after or 1)
        return plan

    def _apply(self, action: d.Action) -> None:
        match action:
            case d.CreateSandbox(attempt):
                self.sandboxes.append(sandbox(attempt=attempt))
            case d.StartContainer(name, attempt, restart):
                codes = self.exits.get(name, [])
                made = container(name, restarts=attempt, created_at=int(self.now.timestamp() * 1e9))
                if codes:
                    ended = {"state": EXITED, "exit_code": codes.pop(0), "finished_at": made.created_at}
                    made = replace(made, **ended)
                self.containers.append(made)
                if restart:
                    self.restarts[name] = restart
            case d.RemoveContainer(id):
                self.containers = [each for each in self.containers if each.id != id]
            case d.Terminate():
                self.sandboxes = [replace(each, ready=False) for each in self.sandboxes]
                self.containers = [replace(each, state=EXITED) for each in self.containers]


@given(
    policy=st.sampled_from(["Always", "OnFailure", "Never"]),
    inits=st.lists(st.sampled_from([{}, {"restartPolicy": "Always"}]), max_size=3),
    mains=st.integers(1, 3),
    exits=st.dictionaries(
        st.sampled_from(["i0", "i1", "i2", "c0", "c1", "c2"]), st.lists(st.integers(0, 2), max_size=3)
    ),
)
def test_every_pod_settles_and_keeps_its_order(
    policy: str, inits: list[dict[str, Any]], mains: int, exits: dict[str, list[int]]
) -> None:
    spec = pod(*({} for _ in range(mains)), restartPolicy=policy, initContainers=inits)
    # an init container that never ends would hold its pod up for ever
    ends = {f"i{n}": exits.get(f"i{n}", []) + [0] * 9 for n, each in enumerate(inits) if not each}
    world = Simulated(spec, exits | ends)
    quiet = 0
    for _ in range(60):
        plan = world.step()
        for action in plan.actions:
            if isinstance(action, d.StartContainer) and action.name.startswith("c"):
                done = {each.name for each in world.containers if each.state == EXITED and each.exit_code == 0}
                assert {f"i{n}" for n, each in enumerate(inits) if not each} <= done
        quiet = 0 if plan.actions or plan.backing_off else quiet + 1
        if quiet == 2:
            break
    assert quiet == 2
    alive = [each for each in world.containers if each.state == RUNNING]
    assert len({each.name for each in alive}) == len(alive)
