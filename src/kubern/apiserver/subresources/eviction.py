"""`pods/eviction`: a deletion that respects PodDisruptionBudgets.

What always holds: a disruption is counted in the budget's status before the pod is deleted, so that two evictions at once cannot
both use the last one allowed.
"""

from __future__ import annotations

from datetime import datetime

import orjson

from kubern.api.pod_conditions import disruption_target
from kubern.api.selectors import selects
from kubern.apiserver.admission_chain import Kind
from kubern.apiserver.admitting import admit
from kubern.apiserver.answers import success
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import read_kind
from kubern.apiserver.deletion import DeleteRequest, check_preconditions, delete_admitted, parse
from kubern.apiserver.encoding import Entry
from kubern.apiserver.metadata import check_path
from kubern.apiserver.options import write_options
from kubern.apiserver.presenting import show
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.clock import rfc3339
from kubern.base.errors import Cause, InternalError, TooManyRequests
from kubern.base.json import Obj
from kubern.http.contract import Answer

REFUSAL = "Cannot evict pod as it would violate the pod's disruption budget."


async def serve(core: Core, call: Call) -> Answer:
    """Delete the pod unless a budget forbids it. Raises `TooManyRequests`, `InternalError` for a pod of two budgets."""
    options = write_options(call.info, "CreateOptions")
    eviction = read_kind(core, call, "io.k8s.api.policy.v1.Eviction")
    check_path(eviction, call.resource, call.namespace, call.info.name)
    warnings: list[str] = []
    await admit(core, call, eviction, Kind("policy", "v1", "Eviction"), options, warnings)
    request = parse(eviction.get("deleteOptions") or {})
    request = request._replace(dry_run=request.dry_run or options.dry_run)
    pod = core.storage(call.resource).get(call.namespace, call.info.name)
    if not disrupts_nothing(pod.obj()):
        budgets = budgets_of(core, pod)
        if len(budgets) > 1:
            raise InternalError(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            )
        if budgets and not lets_unhealthy_go(budgets[0].obj(), pod.obj()):
            await _count(core, budgets[0], call.info.name, request)
    if not request.dry_run:
        await _tell(core, pod, request)
        request = request._replace(resource_version="")
    await delete_admitted(core, call, call.namespace, call.info.name, request)
    return show(core, call, success({}) | {"code": 201}, 201, warnings)


async def _tell(core: Core, pod: Entry, request: DeleteRequest) -> None:
    """Say on the pod, as it is now, that it is about to be evicted. Raises `NotFound`, `Conflict`."""
    storage = core.storage_of("pods", "")

    async def change(old: Obj) -> Obj:
        check_preconditions(storage.resource, old, request)
        new: Obj = orjson.loads(orjson.dumps(old))
        condition = disruption_target(new, "EvictionByEvictionAPI", "Eviction API: evicting", core.clock.now())
        status = new.setdefault("status", {})
        others = [each for each in status.get("conditions") or () if each["type"] != "DisruptionTarget"]
        status["conditions"] = [*others, condition | {"lastProbeTime": None}]
        return new

    await storage.update(pod.namespace, pod.name, change)


def disrupts_nothing(pod: Obj) -> bool:
    """Say whether the pod's end disrupts nothing: it has ended, has never run, or is being deleted already."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or bool(pod["metadata"].get("deletionTimestamp"))


def _ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def lets_unhealthy_go(budget: Obj, pod: Obj) -> bool:
    """Say whether the pod is not ready and the budget's policy lets such pods go."""
    if _ready(pod):
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    return bool(status.get("currentHealthy", 0) >= status.get("desiredHealthy", 0) > 0)


def budgets_of(core: Core, pod: Entry) -> list[Entry]:
    """Return the budgets whose selector holds the pod."""
    budgets = core.storage_of("poddisruptionbudgets", "policy").cache.select(pod.namespace)
    return [b for b in budgets if selects(b.obj()["spec"].get("selector"), pod.labels)]


async def _count(core: Core, budget: Entry, pod: str, request: DeleteRequest) -> None:
    """Use one of the budget's disruptions up. Raises `TooManyRequests`."""

    async def change(old: Obj) -> Obj:
        return granted(old, pod, core.clock.now())

    if request.dry_run:
        await change(budget.obj())
    else:
        storage = core.storage_of("poddisruptionbudgets", "policy")
        await storage.update(budget.namespace, budget.name, change)


def granted(budget: Obj, pod: str, now: datetime) -> Obj:
    """Return the budget with one of its disruptions used up by the pod of this name. Raises `TooManyRequests` when it allows none."""
    new: Obj = orjson.loads(orjson.dumps(budget))
    status = new.setdefault("status", {})
    name = new["metadata"]["name"]
    if status.get("observedGeneration", 0) < new["metadata"].get("generation", 0):
        text = f"The disruption budget {name} is still being processed by the server."
        raise TooManyRequests(REFUSAL, retry_after=10, causes=[Cause("DisruptionBudget", text)])
    allowed = status.get("disruptionsAllowed", 0)
    if allowed <= 0:
        text = (
            f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods "
            f"and has {status.get('currentHealthy', 0)} currently"
        )
        raise TooManyRequests(REFUSAL, causes=[Cause("DisruptionBudget", text)])
    status["disruptionsAllowed"] = allowed - 1
    status.setdefault("disruptedPods", {})[pod] = rfc3339(now)
    return new


SUBRESOURCE = SubresourceHandler("eviction", serve, ("pods",))
