"""What every model of a controller has: late copies, work in any order, processes killed in mid-write, time, pods that come and go.

A model adds what users do, and says what must hold. The whole is one `RuleBasedStateMachine` a model; see `test_model_*.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, NoReturn

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kubern.base.json import Obj
from kubern.controllers.controller import Controller, Reconciler
from kubern.controllers.pods import is_active, is_ready
from kubern.controllers.resources import PODS
from tests.unit.controllers.late import Killed, Process, Server, Todo, conditions, controllers

SETTINGS = settings(max_examples=40, stateful_step_count=30, deadline=None, derandomize=True, phases=[Phase.generate])
"""The same examples every time; to look for more, raise their number and take out `derandomize`. What fails is not made smaller, which
would take minutes."""
PICK = st.integers(0, 1000)


def reconcilers(*found: Controller) -> tuple[Reconciler, ...]:
    """Return the reconcilers of controllers that have one."""
    return tuple(reconciler for each in found for reconciler in each.reconcilers)


def unexpected(message: str) -> NoReturn:
    raise AssertionError(message)


class Chaos(RuleBasedStateMachine):
    """`lost` counts the pods that failed without a controller's doing since everything was last at rest."""

    RECONCILERS: ClassVar[tuple[Reconciler, ...]] = ()
    PATIENCE = timedelta(seconds=599)
    """Timers further away are deadlines, which a rest does not wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        self.process = Process(self.server, self.RECONCILERS)
        self.runner = asyncio.Runner()
        self.lost = 0
        self.chance = random.Random(0)
        self.known: set[str] = set()
        """Uids of the pods that were ready as far as the controllers knew when the last piece of work began."""

    def teardown(self) -> None:
        try:
            if self.server.objects:
                self.rest()
        finally:
            self.runner.close()

    # what a model says

    def worked(self, before: Sequence[Obj]) -> None:
        """Check what one piece of work did to the pods."""

    def rested(self) -> None:
        """Check the desired state."""

    def started(self, pod: Obj) -> Obj:
        """Return the status of a pod that its kubelet has started."""
        return conditions(ready=True, now=self.server.now)

    # what happens

    @initialize(seed=st.integers(0, 1_000_000))
    def begin(self, seed: int) -> None:
        self.chance = random.Random(seed)

    @invariant()
    def meanwhile(self) -> None:
        """After whatever was done: changes arrive, controllers work, kubelets get on, in any order; now and then a process dies after
        some of its writes and another one takes over."""
        self.go_on(self.chance.choice([0, 3, 10, 40]))

    def go_on(self, steps: int) -> None:
        chance = self.chance
        for _ in range(steps):
            what = chance.randrange(4)
            if what == 0:
                self._deliver(chance)
            elif what == 1:
                self._kubelet(chance)
            else:
                self.process.wake()
                if self.process.todo:
                    kill = None if chance.randrange(8) else chance.randrange(4)
                    self._work(chance.choice([*self.process.todo]), kill)

    def _deliver(self, chance: random.Random) -> None:
        behind = self.process.behind()
        if behind:
            self.process.deliver(chance.choice(behind), chance.randint(1, 5))

    def _kubelet(self, chance: random.Random) -> None:
        """One pod gets on: it is started, or what was to be deleted has ended."""
        waiting = [pod for pod in self.server.list(PODS) if self._waits(pod)]
        if waiting:
            self._get_on(chance.choice(waiting))

    def _work(self, todo: Todo, kill: int | None) -> None:
        before = self.pods()
        self.known = {pod["metadata"]["uid"] for pod in self.process.cache.list(PODS) if is_ready(pod)}
        self.process.writer.left = kill
        try:
            self.process.work(todo, self.runner)
        except Killed:
            self.process = Process(self.server, self.RECONCILERS)
        self.process.writer.left = None
        self.worked(before)

    @rule()
    def restart(self) -> None:
        self.process = Process(self.server, self.RECONCILERS)

    def _waits(self, pod: Obj) -> bool:
        return bool(pod["metadata"].get("deletionTimestamp")) or (is_active(pod) and not is_ready(pod))

    def _get_on(self, pod: Obj) -> None:
        if pod["metadata"].get("deletionTimestamp"):
            self.ended(pod)
        else:
            spec = {"nodeName": self.node_of(pod), **pod["spec"]}
            self.server.change(PODS, pod, spec=spec, status=self.started(pod))

    def node_of(self, pod: Obj) -> str:
        """Return the node that the scheduler chooses."""
        return "n1"

    def ended(self, pod: Obj) -> None:
        self.server.remove(PODS, pod)

    @rule(pick=PICK, way=st.sampled_from(["not ready", "failed", "node lost"]))
    def crash(self, pick: int, way: str) -> None:
        running = [pod for pod in self.pods() if is_ready(pod)]
        if not running:
            return
        self.lost += 1
        pod = running[pick % len(running)]
        status = conditions(ready=False, now=self.server.now)
        if way == "failed":
            status = {"phase": "Failed", "reason": "Evicted"}
        self.server.change(PODS, pod, status=status)
        if way == "node lost":
            self.server.delete(PODS, ("ns", pod["metadata"]["name"]))

    @rule(pick=PICK)
    def disown(self, pick: int) -> None:
        """Somebody takes a pod's owner away; its controller adopts it again."""
        pods = self.pods()
        if pods:
            self.lost += 1
            pod = pods[pick % len(pods)]
            meta = {name: value for name, value in pod["metadata"].items() if name != "ownerReferences"}
            self.server.change(PODS, pod, metadata=meta)

    @rule(seconds=st.sampled_from([1, 15, 700]))
    def pass_time(self, seconds: int) -> None:
        self.server.now += timedelta(seconds=seconds)

    @rule()
    def rest(self) -> None:
        """Everything arrives, everybody works, nothing fails, until nothing is left to do: then all is as it was wanted."""
        for _ in range(400):
            if not self._busy():
                break
        else:
            unexpected("it never comes to rest")
        self.lost = 0
        self.rested()

    def _busy(self) -> bool:
        """Do one round; says whether anything happened."""
        before = {gvr: len(log) for gvr, log in self.server.log.items()}
        for gvr in self.process.behind():
            self.process.deliver(gvr, 1000)
        self.process.wake()
        for todo in [*self.process.todo]:
            self._work(todo, None)
        for pod in self.server.list(PODS):
            if self._waits(pod):
                self._get_on(pod)
        if before != {gvr: len(log) for gvr, log in self.server.log.items()} or self.process.todo:
            return True
        # only timers are left: let the next one come, unless it only watches over a deadline
        soon = [when for when in self.process.later.values() if when - self.server.now < self.PATIENCE]
        if soon:
            self.server.now = max(min(soon), self.server.now + timedelta(milliseconds=1))
        return bool(soon)

    def pods(self) -> list[Obj]:
        """Return the active pods."""
        return [pod for pod in self.server.list(PODS) if is_active(pod)]

    def ready(self, pods: Sequence[Obj]) -> int:
        return sum(map(is_ready, pods))

    @invariant()
    def each_pod_has_one_controller(self) -> None:
        for pod in self.server.list(PODS):
            assert len([*controllers(pod)]) <= 1
