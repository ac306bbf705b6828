"""HorizontalPodAutoscaler: keeps the replicas of anything with a scale where its metrics want them.

Looks at every autoscaler once in a sync period, and when its spec changes. What always holds: the replicas stay between the minimum and the
maximum, and a metric that cannot be had never lessens them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubern.base.errors import StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.client.informer import Key, key_of
from kubern.controllers.autoscaling import decision
from kubern.controllers.autoscaling.decision import Observed, decide, remember
from kubern.controllers.autoscaling.gathering import gather
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch

AUTOSCALERS = GVR("autoscaling", "v2", "horizontalpodautoscalers")


def _spec_changed(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A new spec is looked at; a new status is the controller's own."""
    if before is not None and after is not None and before["spec"] == after["spec"]:
        return ()
    obj = after if after is not None else before
    return (key_of(obj),) if obj is not None else ()


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return the autoscaler; the rest is asked for."""
    autoscaler = cache.at(AUTOSCALERS, key)
    if autoscaler is None or autoscaler["metadata"].get("deletionTimestamp"):
        return None
    return Observed(autoscaler, cache.options.autoscaling)


def failed(observed: Observed, error: StatusError, now: datetime) -> Obj:
    """Return the status after the target's scale could not be written."""
    return decision.failed(observed, error.message, now)


CONTROLLER = Controller(
    "horizontal-pod-autoscaler-controller",
    Reconciler(
        AUTOSCALERS,
        (Watch(AUTOSCALERS, _spec_changed),),
        observe,
        decide,
        "horizontal-pod-autoscaler",
        gather=gather,
        failed=failed,
        recall=remember,
    ),
    account="horizontal-pod-autoscaler",
)
