"""The whole decision of an autoscaler: replicas, status, conditions and Events, and the memory that it leaves. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kubern.api.rules.conditions import condition, with_condition
from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.controllers.actions import Action, Event, Plan, Told, Update
from kubern.controllers.autoscaling.behavior import WITHIN, Memory, Recommendation, ScaleEvent, limit, tolerances
from kubern.controllers.autoscaling.model import Facts, Fetched, Settings
from kubern.controllers.autoscaling.proposals import Proposals, propose_all

_LONGEST = 3600.0
"""Seconds: no window and no period is longer, so that nothing older needs to be remembered."""
_ABLE, _ACTIVE, _LIMITED = "AbleToScale", "ScalingActive", "ScalingLimited"


class Observed(NamedTuple):
    """An autoscaler and what was found out for it."""

    autoscaler: Obj
    settings: Settings
    target: GVR | None = None
    scale: Obj | None = None
    pods: Sequence[Obj] = ()
    fetched: Sequence[Fetched] = ()
    error: str = ""
    """Why the target's scale is not known."""
    memory: Memory = Memory()


class Wanted(NamedTuple):
    """A number of replicas with the reason of an Event; `status` so far."""

    replicas: int
    reason: str
    status: Obj


def decide(observed: Observed, now: datetime) -> Plan:
    """Return the plan; the next look is due after the sync period."""
    return outcome(observed, now)[0]


def remember(observed: Observed, memory: Memory | None, now: datetime) -> tuple[Observed, Memory]:
    """Return the observation with the memory of those before it, and what is to be remembered after it."""
    observed = observed._replace(memory=memory or Memory())
    return observed, outcome(observed, now)[1]


def outcome(observed: Observed, now: datetime) -> tuple[Plan, Memory]:
    """Return the plan and the new memory."""
    hpa, scale = observed.autoscaler, observed.scale
    status: Obj = hpa.get("status") or {}
    if scale is None:
        text = f"the HPA controller was unable to get the target's current scale: {observed.error}"
        status = _put(status, _ABLE, False, ("FailedGetScale", text), now)
        return _plan(observed, status, [Event(hpa, "Warning", "FailedGetScale", observed.error)]), observed.memory
    text = "the HPA controller was able to get the target's current scale"
    status = _put(status, _ABLE, True, ("SucceededGetScale", text), now)
    current = (scale.get("spec") or {}).get("replicas") or 0
    memory = observed.memory
    if not memory.recommendations:
        memory = memory._replace(recommendations=(Recommendation(current, now),))
    fixed = _out_of_range(hpa["spec"], current, status, now)
    if fixed is not None:
        return _scaled(observed, fixed, memory, now)
    if not (scale.get("status") or {}).get("selector"):
        reason = ("InvalidSelector", "the HPA target's scale is missing a selector")
        status = _put(status, _ACTIVE, False, reason, now)
        events = [Event(hpa, "Warning", "SelectorRequired", "selector is required")]
        return _plan(observed, _counted(status, current, current), events), memory
    return _by_metrics(observed, status, memory, now)


def _out_of_range(spec: Obj, current: int, status: Obj, now: datetime) -> Wanted | None:
    """Return what to do where no metric is asked: switched off, or outside the limits."""
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if current == 0 and least != 0:
        text = "scaling is disabled since the replica count of the target is zero"
        return Wanted(0, "", _put(status, _ACTIVE, False, ("ScalingDisabled", text), now))
    if current > most:
        return Wanted(most, "Current number of replicas above Spec.MaxReplicas", status)
    if current < least:
        return Wanted(least, "Current number of replicas below Spec.MinReplicas", status)
    return None


def _by_metrics(observed: Observed, status: Obj, memory: Memory, now: datetime) -> tuple[Plan, Memory]:
    hpa, scale, settings = observed.autoscaler, observed.scale or {}, observed.settings
    spec, current = hpa["spec"], (scale.get("spec") or {}).get("replicas") or 0
    replicas = (scale.get("status") or {}).get("replicas") or 0
    facts = Facts(current, replicas, observed.pods, now, settings, tolerances(spec, settings))
    specs = spec.get("metrics") or ()
    found = propose_all(facts, specs, observed.fetched)
    events: list[Action] = [Event(hpa, "Warning", failure.reason, failure.text) for failure in found.failures]
    if found.failures and (not found.metric or found.replicas < current):
        first = found.failures[0]
        text = f"the HPA was unable to compute the replica count: {first.text}"
        status = _put(status, _ACTIVE, False, (first.reason, text), now)
        total = (
            f"invalid metrics ({len(found.failures)} invalid out of {len(specs)}), first error is: "
            f"failed to get {first.what} metric value: {first.text}"
        )
        events.append(Event(hpa, "Warning", "FailedComputeMetricsReplicas", total))
        return _plan(observed, _counted(status, current, current), events), memory
    text = f"the HPA was able to successfully calculate a replica count from {found.metric}"
    status = _put(status, _ACTIVE, True, ("ValidMetricFound", text), now) | {"currentMetrics": list(found.statuses)}
    wanted, memory = _limited(observed, found, status, memory, now)
    return _scaled(observed, wanted, memory, now, events)


def _limited(
    observed: Observed, found: Proposals, status: Obj, memory: Memory, now: datetime
) -> tuple[Wanted, Memory]:  # fmt: skip
    current = ((observed.scale or {}).get("spec") or {}).get("replicas") or 0
    spec = observed.autoscaler["spec"]
    limits = limit(spec, current, found.replicas, memory, now, observed.settings)
    status = _put(status, _ABLE, True, limits.able, now)
    status = _put(status, _LIMITED, limits.limited is not None, limits.limited or WITHIN, now)
    reason = f"{found.metric} above target" if found.replicas > current else "All metrics below target"
    kept = [one for one in memory.recommendations if one.time > now - timedelta(seconds=_LONGEST)]
    memory = memory._replace(recommendations=(*kept, Recommendation(found.replicas, now)))
    return Wanted(limits.replicas, reason, status), memory


def _scaled(
    observed: Observed, wanted: Wanted, memory: Memory, now: datetime, events: Sequence[Action] = ()
) -> tuple[Plan, Memory]:
    """Return the plan that brings the target to what is wanted."""
    hpa, scale, target = observed.autoscaler, observed.scale or {}, observed.target
    current = (scale.get("spec") or {}).get("replicas") or 0
    status = _counted(wanted.status, current, wanted.replicas)
    if wanted.replicas == current or target is None:
        return _plan(observed, status, events), memory
    text = f"the HPA controller was able to update the target scale to {wanted.replicas}"
    status = _put(status, _ABLE, True, ("SucceededRescale", text), now) | {"lastScaleTime": rfc3339(now)}
    message = f"New size: {wanted.replicas}; reason: {wanted.reason}".replace("{", "{{").replace("}", "}}")
    told = Told(hpa, "SuccessfulRescale", message, "FailedRescale", message + "; error: {error}")
    update = Update(
        target, {**scale, "spec": {**(scale.get("spec") or {}), "replicas": wanted.replicas}}, "scale", told
    )
    kept = [one for one in memory.events if one.time > now - timedelta(seconds=_LONGEST)]
    memory = memory._replace(events=(*kept, ScaleEvent(wanted.replicas - current, now)))
    return _plan(observed, status, [*events, update]), memory


def failed(observed: Observed, text: str, now: datetime) -> Obj:
    """Return the status after the target's scale could not be written."""
    status: Obj = observed.autoscaler.get("status") or {}
    said = f"the HPA controller was unable to update the target scale: {text}"
    return _put(status, _ABLE, False, ("FailedUpdateScale", said), now)


def _counted(status: Obj, current: int, desired: int) -> Obj:
    return status | {"currentReplicas": current, "desiredReplicas": desired}


def _put(status: Obj, kind: str, holds: bool, why: tuple[str, str], now: datetime) -> Obj:
    return with_condition(status, condition(kind, holds, *why, now))


def _plan(observed: Observed, status: Obj, actions: Sequence[Action]) -> Plan:
    status = {"desiredReplicas": 0} | status
    return Plan(tuple(actions), status, observed.settings.sync_period)
