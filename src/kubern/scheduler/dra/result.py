"""An allocation as it is written into a claim's status. Pure given the identifiers of shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kubern.base.json import Obj
from kubern.base.quantity import format_nano, parse
from kubern.scheduler.dra.allocator import Picked
from kubern.scheduler.dra.inventory import Device


def allocation(
    claim: Obj, picks: Sequence[Picked], node: str, device_class: Callable[[str], Obj | None], share: Callable[[], str]
) -> Obj:
    """Return a claim's `status.allocation`. `share` makes the identifier of each share of a device that several may have."""
    devices: Obj = {"results": [_result(pick, share) for pick in picks]}
    config = [*_config(claim, picks, device_class)]
    if config:
        devices["config"] = config
    selector = node_selector([pick.device for pick in picks], node)
    return {"devices": devices, **({"nodeSelector": selector} if selector else {})}


def _result(pick: Picked, share: Callable[[], str]) -> Obj:
    driver, pool, name = pick.device.id
    result: Obj = {"request": pick.wanted.name, "driver": driver, "pool": pool, "device": name}
    if pick.wanted.admin:
        result["adminAccess"] = True
    if pick.wanted.spec.get("tolerations"):
        result["tolerations"] = pick.wanted.spec["tolerations"]
    for key in ("bindingConditions", "bindingFailureConditions"):
        if pick.device.obj.get(key):
            result[key] = pick.device.obj[key]
    if pick.consumed is not None:
        result["shareID"] = share()
        capacity = pick.device.capacity
        result["consumedCapacity"] = {
            pick.device.names[key]: format_nano(amount, parse(capacity[key]["value"]).format)
            for key, amount in pick.consumed.items()
        }
    return result


def _config(claim: Obj, picks: Sequence[Picked], device_class: Callable[[str], Obj | None]) -> Iterable[Obj]:
    """Yield the configurations of the classes of what was chosen, then the claim's own that are about it."""
    chosen = {pick.wanted.name: pick.wanted.spec for pick in picks}
    for name, spec in chosen.items():
        held = device_class(spec["deviceClassName"]) or {"spec": {}}
        for each in held["spec"].get("config") or ():
            yield {"source": "FromClass", "requests": [name], **each}
    concerned = {*chosen, *(name.partition("/")[0] for name in chosen)}
    for each in claim["spec"]["devices"].get("config") or ():
        if not each.get("requests") or concerned & set(each["requests"]):
            yield {"source": "FromClaim", **each}


def node_selector(devices: Iterable[Device], node: str) -> Obj | None:
    """Return the nodes from which all devices can be used, None for all nodes."""
    requirements: list[Any] = []
    for device in devices:
        where = device.where
        if where.get("nodeName") or device.obj.get("bindsToNode"):
            field = {"key": "metadata.name", "operator": "In", "values": [node]}
            return {"nodeSelectorTerms": [{"matchFields": [field]}]}
        for term in (where.get("nodeSelector") or {}).get("nodeSelectorTerms") or ():
            for key in ("matchExpressions", "matchFields"):
                requirements += [(key, each) for each in term.get(key) or () if (key, each) not in requirements]
    if not requirements:
        return None
    kinds = {key: [each for kind, each in requirements if kind == key] for key in ("matchExpressions", "matchFields")}
    return {"nodeSelectorTerms": [{key: found for key, found in kinds.items() if found}]}
