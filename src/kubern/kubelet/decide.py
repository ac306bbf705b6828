"""What to do next for one pod: `pod + observed runtime state + now → Plan`. Pure: no I/O, no clock, no randomness.

Called by the worker each time anything about the pod changed. Applying the plan and observing again leads to a plan without
actions. Source: the Kubernetes documentation, "Pod Lifecycle", "Init Containers", "Sidecar Containers".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.kubelet.observed import Observed, changed, failed, restart_count
from kubern.kubelet.podspec import EPHEMERAL, INIT, MAIN, SIDECAR, Step, full_name, spec_hash, steps
from kubern.kubelet.resizing import needs_restart, resized
from kubern.kubelet.runtime.contract import CREATED, EXITED, RUNNING, UNKNOWN, Container

BACKOFF_BASE = 10.0
BACKOFF_CAP = 300.0
BACKOFF_RESET = 600.0
"""A container that has not been restarted for that long starts again at the base."""


class Restart(NamedTuple):
    """How long a container waits before its next start, and when that was decided."""

    delay: float
    since: datetime


class Checks(NamedTuple):
    """What probes and hooks found for one container. `started` is false until its startup probe and postStart hook are through."""

    started: bool = True
    ready: bool = True
    unhealthy: str = ""
    """Why it must be killed (a liveness or startup probe failed), "" while it is well."""


class Situation(NamedTuple):
    """Everything that a decision rests on. Containers without an entry in `checks` have no probes."""

    pod: Obj
    observed: Observed
    now: datetime
    checks: Mapping[str, Checks] = {}
    restarts: Mapping[str, Restart] = {}
    applied: Mapping[str, Obj] = {}
    """The resources that running containers were given; one that is missing here is left as it is."""
    start_time: datetime | None = None
    ending: bool = False
    """The pod is to end though its object does not say so: evicted, refused, or gone from the API."""


class CreateSandbox(NamedTuple):
    """Make the pod's next sandbox, its `attempt`-th from 0."""

    attempt: int


class StopSandbox(NamedTuple):
    """Stop the dead sandbox and what is left in it."""

    id: str


class StartContainer(NamedTuple):
    """Start a container for the `attempt`-th time (0: the first); `restart` is to be remembered when that is done."""

    name: str
    attempt: int
    restart: Restart | None = None


class KillContainer(NamedTuple):
    """End one container that will be started again."""

    name: str
    id: str
    message: str
    liveness: bool = False
    """Whether a probe's own grace period applies."""


class ResizeContainer(NamedTuple):
    """Give a running container what its spec says now."""

    name: str
    id: str


class RemoveContainer(NamedTuple):
    """Remove a dead container."""

    id: str


class RemoveSandbox(NamedTuple):
    """Remove a dead sandbox with the containers that were in it."""

    id: str


class Terminate(NamedTuple):
    """End the whole pod gracefully: main containers first, then sidecars in reverse order, then the sandbox."""


Action = (
    CreateSandbox
    | StopSandbox
    | StartContainer
    | KillContainer
    | ResizeContainer
    | RemoveContainer
    | RemoveSandbox
    | Terminate
)


class Plan(NamedTuple):
    """Actions in order; seconds until time alone changes the decision; who waits in back-off; whether the pod has ended."""

    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None
    backing_off: Mapping[str, float] = {}
    """Delay in seconds of each container that waits for its next start."""
    finished: bool = False
    """Nothing of the pod runs and nothing will."""
    deadline_exceeded: bool = False


def decide(now_is: Situation) -> Plan:
    """Return the next step for the pod."""
    pod, seen = now_is.pod, now_is.observed
    late = _deadline(now_is)
    if now_is.ending or pod["metadata"].get("deletionTimestamp") or late == 0:
        plan = Plan(actions=(Terminate(),)) if seen.active() else Plan(finished=True)
        return plan._replace(deadline_exceeded=late == 0)
    if _over(pod, seen):
        return Plan(actions=(Terminate(),)) if seen.active() else Plan(finished=True)
    if seen.ready_sandbox is None:
        plan = _new_sandbox(pod, seen)
    else:
        plan = _containers(now_is)
    waits = [wait for wait in (plan.requeue_after, late) if wait is not None]
    return plan._replace(requeue_after=min(waits) if waits else None)


def _deadline(now_is: Situation) -> float | None:
    """Return the seconds left of activeDeadlineSeconds, None without one."""
    limit = now_is.pod["spec"].get("activeDeadlineSeconds")
    if limit is None or now_is.start_time is None:
        return None
    return max(0.0, (now_is.start_time + timedelta(seconds=limit) - now_is.now).total_seconds())


def _over(pod: Obj, seen: Observed) -> bool:
    """Whether every main container has ended for good, or an init container failed for good."""
    everyone = list(steps(pod))
    for step in everyone:
        found = seen.latest(step.name)
        if step.role == INIT and found and failed(found) and not restarts(pod, step, found):
            return True
    mains = [(step, seen.latest(step.name)) for step in everyone if step.role == MAIN]
    return all(found and found.state == EXITED and not restarts(pod, step, found) for step, found in mains)


def restarts(pod: Obj, step: Step, ended: Container) -> bool:
    """Whether a container that ended so is started again."""
    if step.role == EPHEMERAL:
        return False
    if step.role == SIDECAR:
        return True
    policy = step.container.get("restartPolicy") or pod["spec"].get("restartPolicy", "Always")
    for rule in step.container.get("restartPolicyRules") or ():
        codes = rule.get("exitCodes") or {}
        listed = ended.exit_code in (codes.get("values") or ())
        if listed == (codes.get("operator") == "In"):
            return True
    if step.role == INIT:
        return policy != "Never" and failed(ended)
    return policy == "Always" or (policy == "OnFailure" and failed(ended))


def _new_sandbox(pod: Obj, seen: Observed) -> Plan:
    """Clear away what is left of a dead sandbox and make a new one."""
    actions: list[Action] = []
    old = seen.sandbox
    if old is not None:
        actions += [StopSandbox(old.id)]
    actions.append(CreateSandbox(old.attempt + 1 if old else 0))
    return Plan(actions=tuple(actions))


class _Draft:
    """A plan in the making."""

    def __init__(self, now_is: Situation) -> None:
        self.now_is = now_is
        self.actions: list[Action] = []
        self.backing_off: dict[str, float] = {}
        self.requeue: float | None = None

    def start(self, step: Step) -> None:
        """Start the container, or wait until its back-off is over."""
        last = self.now_is.observed.latest(step.name)
        if last is None:
            self.actions.append(StartContainer(step.name, 0))
            return
        attempt = restart_count(last) + 1
        ended = _ended(last)
        restart = self.now_is.restarts.get(step.name)
        now = self.now_is.now
        if restart is not None and ended is not None:
            left = restart.delay - (now - ended).total_seconds()
            if left > 0:
                self.backing_off[step.name] = restart.delay
                self.requeue = left if self.requeue is None else min(self.requeue, left)
                return
        self.actions.append(StartContainer(step.name, attempt, _next_restart(restart, now)))

    def kill(self, step: Step, found: Container, message: str, *, liveness: bool = False) -> None:
        self.actions.append(KillContainer(step.name, found.id, message, liveness))

    def plan(self) -> Plan:
        return Plan(tuple(self.actions), self.requeue, self.backing_off)


def _ended(container: Container) -> datetime | None:
    moment = container.finished_at or container.created_at
    return datetime.fromtimestamp(moment / 1e9, tz=_UTC) if moment else None


_UTC = parse_time("1970-01-01T00:00:00Z").tzinfo


def _next_restart(last: Restart | None, now: datetime) -> Restart:
    """Return the wait after this start: 10 s, doubled each time up to 300 s, from the start again after 10 quiet minutes."""
    if last is None or (now - last.since).total_seconds() > BACKOFF_RESET:
        return Restart(BACKOFF_BASE, now)
    return Restart(min(last.delay * 2, BACKOFF_CAP), now)


def _containers(now_is: Situation) -> Plan:
    """Bring a pod with a living sandbox one step further."""
    seen = now_is.observed
    draft = _Draft(now_is)
    everyone = list(steps(now_is.pod))
    # main containers are only made after initialization; sidecars are then kept running and nothing else
    initialized = any(seen.current(step.name) for step in everyone if step.role == MAIN)
    for step in everyone:
        if step.role == INIT and not initialized:
            if not _init(draft, step):
                return _tidied(draft)
        elif step.role == SIDECAR:
            if not _kept(draft, step) and not initialized:
                return _tidied(draft)
        elif step.role == MAIN:
            _kept(draft, step)
        elif step.role == EPHEMERAL and seen.current(step.name) is None:
            draft.start(step)
    return _tidied(draft)


def _init(draft: _Draft, step: Step) -> bool:
    """See to an init container; return whether the next one may go on."""
    found = draft.now_is.observed.current(step.name)
    if found is None or found.state == CREATED:
        draft.start(step)
        return False
    if found.state == RUNNING:
        return False
    if found.state == UNKNOWN:
        draft.kill(step, found, f"Init container {step.name} is in unknown state, try killing it before restart")
        return False
    if not failed(found):
        return True
    draft.start(step)
    return False


def _kept(draft: _Draft, step: Step) -> bool:
    """See that a sidecar or main container runs; return whether it has started."""
    now_is = draft.now_is
    found = now_is.observed.current(step.name)
    if found is None or found.state == CREATED:
        # what ended in an older sandbox and is not to be restarted is not started in this one either
        last = now_is.observed.latest(step.name)
        if last is None or last.state != EXITED or restarts(now_is.pod, step, last):
            draft.start(step)
        return False
    if found.state == EXITED:
        if restarts(now_is.pod, step, found):
            draft.start(step)
        return False
    checks = now_is.checks.get(step.name, Checks())
    if found.state == UNKNOWN:
        draft.kill(step, found, f"Container {step.name} is in unknown state, try killing it before restart")
    elif changed(found, spec_hash(step.container)):
        draft.kill(step, found, f"Container {step.name} definition changed, will be restarted")
    elif checks.unhealthy:
        draft.kill(step, found, checks.unhealthy, liveness=True)
    elif changes := resized(step.container, now_is.applied.get(step.name)):
        if needs_restart(step.container, changes):
            draft.kill(step, found, f"Container {step.name} resize requires restart")
            return False
        draft.actions.append(ResizeContainer(step.name, found.id))
        return checks.started
    else:
        return checks.started
    return False


def _tidied(draft: _Draft) -> Plan:
    """Add the removal of what is dead: the newest container of each name is kept for its log, and the one before it;
    the sandbox before this one, for what ended in it."""
    for found in draft.now_is.observed.containers.values():
        for old in found[2:]:
            if old.state == EXITED:
                draft.actions.append(RemoveContainer(old.id))
    draft.actions += [RemoveSandbox(old.id) for old in draft.now_is.observed.sandboxes[2:]]
    return draft.plan()


def back_off_message(pod: Obj, name: str, delay: float) -> str:
    """Return what a container that waits for its next start says of it."""
    seconds = int(delay)
    shown = f"{seconds}s" if seconds < 60 else f"{seconds // 60}m{seconds % 60}s"
    return f"back-off {shown} restarting failed container={name} pod={full_name(pod)}"
