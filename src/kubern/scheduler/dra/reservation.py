"""Writes into claims what was decided for a pod: finalizer, allocation, reservation; and waits for devices that have to be prepared.

Called by the plug-in DynamicResources when a pod is about to be bound, or found no node. Raises `StatusError` when the pod cannot be bound.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from kubern.api.pod_claims import FINALIZER, MOST_USERS, allocation, consumer, consumers, reserved_for
from kubern.base.clock import rfc3339
from kubern.base.errors import Conflict, Timeout
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.scheduler.framework import Binding
from kubern.scheduler.listers import RESOURCE_CLAIMS

TRIES = 5
"""Attempts at a claim that others write too: pods that share it are bound side by side."""
POLL = 0.25


async def reserve(binding: Binding, claim: Obj, decided: Obj | None) -> Obj:
    """Write a claim's reservation for the pod, and the allocation that was decided; returns the claim as written. Raises `StatusError`."""
    for attempt in range(TRIES):
        try:
            return await _reserve(binding, claim, decided)
        except Conflict:
            if attempt == TRIES - 1:
                raise
        meta = claim["metadata"]
        newest = await binding.client.get(RESOURCE_CLAIMS, meta["name"], meta["namespace"])
        if newest["metadata"]["uid"] != meta["uid"]:
            raise Conflict(f"claim {meta['namespace']}/{meta['name']} got replaced in the meantime")
        claim = newest
    raise AssertionError("not reached")


async def _reserve(binding: Binding, claim: Obj, decided: Obj | None) -> Obj:
    pod, meta = binding.cycle.pod, claim["metadata"]
    name = f"{meta['namespace']}/{meta['name']}"
    if meta.get("deletionTimestamp"):
        raise Timeout(f"claim {name} got deleted in the meantime")
    status = {**(claim.get("status") or {})}
    if decided is not None:
        if allocation(claim) is not None:
            raise Timeout(f"claim {name} got allocated elsewhere in the meantime")
        claim = await _protect(binding.client, claim)
        status["allocation"] = {**decided, "allocationTimestamp": rfc3339(binding.clock.now())}
    elif allocation(claim) is None:
        raise Timeout(f"claim {name} got deallocated elsewhere in the meantime")
    if reserved_for(claim, pod):
        if decided is None:
            return claim
    else:
        if len(consumers(claim)) >= MOST_USERS:
            raise Timeout(f"claim {name} is already reserved for the maximum number of pods")
        status["reservedFor"] = [*consumers(claim), consumer(pod)]
    return await binding.client.update(RESOURCE_CLAIMS, {**claim, "status": status}, subresource="status")


async def _protect(client: Client, claim: Obj) -> Obj:
    held = claim["metadata"].get("finalizers") or []
    if FINALIZER in held:
        return claim
    return await client.update(
        RESOURCE_CLAIMS, {**claim, "metadata": {**claim["metadata"], "finalizers": [*held, FINALIZER]}}
    )


async def prepared(binding: Binding, claim: Obj, patience: float) -> None:
    """Wait until a claim's devices are ready to be used, for so many seconds. Raises `Conflict` when one failed, `Timeout`."""
    waiting = [each for each in _results(claim) if each.get("bindingConditions")]
    waited = 0.0
    while waiting:
        meta = claim["metadata"]
        held = binding.cycle.listers.get(RESOURCE_CLAIMS, meta["namespace"], meta["name"])
        known = held if held is not None and held["metadata"]["uid"] == meta["uid"] else claim
        states = {id(each): _conditions(known, each) for each in waiting}
        for each in waiting:
            failed = [name for name in each.get("bindingFailureConditions") or () if states[id(each)].get(name)]
            if failed:
                await release(known)(binding.client)
                raise Conflict(f"claim {meta['name']}: device {each['device']} cannot be used: {', '.join(failed)}")
        waiting = [
            each for each in waiting if not all(states[id(each)].get(name) for name in each["bindingConditions"])
        ]
        if waiting:
            if waited >= patience:
                await release(known)(binding.client)
                raise Timeout(f"claim {meta['name']}: device binding timeout")
            await binding.clock.sleep(POLL)
            waited += POLL


def _results(claim: Obj) -> Iterator[Obj]:
    yield from ((allocation(claim) or {}).get("devices") or {}).get("results") or ()


def _conditions(claim: Obj, result: Obj) -> dict[str, bool]:
    key = ("driver", "pool", "device", "shareID")
    for each in (claim.get("status") or {}).get("devices") or ():
        if all(each.get(name) == result.get(name) for name in key):
            return {one["type"]: one["status"] == "True" for one in each.get("conditions") or ()}
    return {}


def release(claim: Obj) -> Callable[[Client], Awaitable[None]]:
    """Return what gives a claim's devices back, if it has not changed."""

    async def write(client: Client) -> None:
        gone = ("allocation", "devices", "reservedFor")
        status = {key: value for key, value in (claim.get("status") or {}).items() if key not in gone}
        await client.update(RESOURCE_CLAIMS, {**claim, "status": status}, subresource="status")

    return write
