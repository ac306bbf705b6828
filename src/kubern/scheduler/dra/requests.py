"""What the claims of a pod ask for on one node: per request its alternatives, each with the devices that suit it. Pure.

What always holds: suitable devices are free (or asked for with admin access), chosen by the selectors of class and request, tolerated, and
large enough; whether they go together is the search's question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from kubern.api.cel.devices import chooses
from kubern.api.cel.errors import CelCostExceeded, CelError, CelEvaluationError
from kubern.api.device_taints import repelled
from kubern.base.json import Obj
from kubern.scheduler.dra.capacity import consumed
from kubern.scheduler.dra.inventory import Device, Inventory, Reachable
from kubern.scheduler.dra.usage import Usage

MOST_RESULTS = 32
"""Devices that one claim may get."""


class CannotAllocate(Exception):
    """The claims cannot be satisfied on a node, and why, in words for people."""


class Wanted(NamedTuple):
    """One alternative of one request. `name` is `request` or `request/alternative`."""

    name: str
    spec: Obj
    devices: tuple[Device, ...]
    """Those that suit it; with `everything` all of them have to be had."""
    number: int
    everything: bool
    admin: bool


Slot = tuple[int, tuple[Wanted, ...]]
"""A request: the number of its claim, and its alternatives in the order of preference."""


class Asking(NamedTuple):
    """What claims are read against: the devices, what is taken of them, and the classes by name."""

    inventory: Inventory
    usage: Usage
    device_class: Callable[[str], Obj | None]


def alternatives(request: Obj) -> list[tuple[str, Obj]]:
    """Return the alternatives of a request with their names, the best first."""
    if request.get("firstAvailable"):
        return [(f"{request['name']}/{each['name']}", each) for each in request["firstAvailable"]]
    return [(request["name"], request.get("exactly") or {})]


class Prepared(NamedTuple):
    """One alternative of a request as it is on every node. `selectors`: where each is written, and its expression (`texts` alone)."""

    name: str
    where: str
    spec: Obj
    selectors: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    everything: bool
    admin: bool


def prepared(claims: Sequence[Obj], device_class: Callable[[str], Obj | None]) -> list[tuple[int, list[Prepared]]]:
    """Return the requests of all claims, read once for all nodes. Raises `CannotAllocate` for a class that does not exist."""
    return [
        (number, [_prepared(claim, name, spec, device_class) for name, spec in alternatives(request)])
        for number, claim in enumerate(claims)
        for request in claim["spec"]["devices"].get("requests") or ()
    ]


def _prepared(claim: Obj, name: str, spec: Obj, device_class: Callable[[str], Obj | None]) -> Prepared:
    where = f"claim {claim['metadata']['name']}, request {name}"
    held = device_class(spec.get("deviceClassName") or "")
    if held is None:
        raise CannotAllocate(f"{where}: device class {spec.get('deviceClassName')} does not exist")
    selectors = (*_selectors(f"class {held['metadata']['name']}", held["spec"]), *_selectors(where, spec))
    everything, admin = spec.get("allocationMode") == "All", bool(spec.get("adminAccess"))
    return Prepared(name, where, spec, selectors, tuple(text for _, text in selectors), everything, admin)


def slots(wanted: Sequence[tuple[int, Sequence[Prepared]]], node: Obj, asking: Asking) -> list[Slot]:
    """Return what suits the requests on a node. Raises `CannotAllocate`."""
    reachable = asking.inventory.reachable(node)
    return [(number, tuple(_wanted(each, reachable, asking) for each in ways)) for number, ways in wanted]


def _wanted(each: Prepared, reachable: Reachable, asking: Asking) -> Wanted:
    pools = asking.inventory.pools

    def suiting(device: Device) -> bool:
        pool = pools[device.pool]
        if not pool.complete or pool.problem:
            return False
        return all(_chosen(source, text, device) for source, text in each.selectors)

    if each.everything:
        _all_there(reachable, asking.inventory, each.where)
        devices = reachable.chosen(each.texts, suiting)
    else:
        usage = asking.usage
        chosen = reachable.chosen(each.texts, suiting)
        devices = tuple(device for device in chosen if _available(device, each.spec, each.admin, usage))
    number = len(devices) if each.everything else each.spec.get("count") or 1
    return Wanted(each.name, each.spec, devices, number, each.everything, each.admin)


def _all_there(reachable: Reachable, inventory: Inventory, where: str) -> None:
    """Who asks for all devices cannot have them while a pool changes. Raises `CannotAllocate`."""
    for identity in dict.fromkeys(device.pool for device in reachable.devices):
        pool = inventory.pools[identity]
        if not pool.complete or pool.problem:
            state = f"is currently invalid: {pool.problem}" if pool.complete else "is currently being updated"
            raise CannotAllocate(f"{where}: asks for all devices, but resource pool {'/'.join(pool.id)} {state}")


def _available(device: Device, spec: Obj, admin: bool, usage: Usage) -> bool:
    return (admin or device.id not in usage.whole) and suits(device, spec)


def suits(device: Device, spec: Obj) -> bool:
    """Say whether a request tolerates a device, and the device is large enough for it."""
    if device.taints and repelled(device.taints, spec.get("tolerations") or ()):
        return False
    asked = (spec.get("capacity") or {}).get("requests")
    return (not asked and not device.shared) or consumed(device, asked or {}) is not None


def _selectors(source: str, spec: Obj) -> list[tuple[str, str]]:
    return [
        (f"{source}: selector #{number}", each["cel"]["expression"])
        for number, each in enumerate(spec.get("selectors") or ())
        if each.get("cel")
    ]


def _chosen(source: str, expression: str, device: Device) -> bool:
    """Say whether an expression chooses a device; asked once for each device. Raises `CannotAllocate` when it fails."""
    answer = device.chosen.get(expression)
    if answer is None:
        try:
            answer = chooses(expression, device.value)
        except (CelError, CelEvaluationError, CelCostExceeded) as error:
            answer = str(error)
        device.chosen[expression] = answer
    if isinstance(answer, str):
        raise CannotAllocate(f"{source}: CEL runtime error: {answer}")
    return answer
