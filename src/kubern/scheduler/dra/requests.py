"""What the claims of a pod ask for on one node: per request its alternatives, each with the devices that suit it. Pure.

What always holds: suitable devices are free (or asked for with admin access), chosen by the selectors of class and request, tolerated, and
large enough; whether they go together is the search's question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from kubern.api.cel.devices import chooses
from kubern.api.cel.errors import CelCostExceeded, CelError, CelEvaluationError
from kubern.api.device_taints import repelled
from kubern.base.json import Obj
from kubern.scheduler.dra.capacity import consumed
from kubern.scheduler.dra.inventory import Device, Inventory
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


def slots(claims: Sequence[Obj], node: Obj, asking: Asking) -> list[Slot]:
    """Return the requests of all claims. Raises `CannotAllocate`."""
    reachable = asking.inventory.reachable(node)
    found: list[Slot] = []
    for number, claim in enumerate(claims):
        for request in claim["spec"]["devices"].get("requests") or ():
            ways = tuple(_wanted(claim, name, spec, reachable, asking) for name, spec in alternatives(request))
            found.append((number, ways))
    return found


def _wanted(claim: Obj, name: str, spec: Obj, reachable: Sequence[Device], asking: Asking) -> Wanted:
    where = f"claim {claim['metadata']['name']}, request {name}"
    held = asking.device_class(spec.get("deviceClassName") or "")
    if held is None:
        raise CannotAllocate(f"{where}: device class {spec.get('deviceClassName')} does not exist")
    selectors = [
        *_selectors(f"class {held['metadata']['name']}", held["spec"]),
        *_selectors(where, spec),
    ]
    everything, admin = spec.get("allocationMode") == "All", bool(spec.get("adminAccess"))
    devices = []
    for device in _usable(reachable, asking.inventory, where if everything else ""):
        if not all(_chosen(source, text, device) for source, text in selectors):
            continue
        if everything or _available(device, spec, admin, asking.usage):
            devices.append(device)
    number = len(devices) if everything else spec.get("count") or 1
    return Wanted(name, spec, tuple(devices), number, everything, admin)


def _usable(devices: Iterable[Device], inventory: Inventory, all_for: str) -> Iterable[Device]:
    """Yield the devices of whole pools. Who asks for all of them cannot have them while a pool changes."""
    for device in devices:
        pool = inventory.pools[device.pool]
        if pool.complete and not pool.problem:
            yield device
        elif all_for:
            state = "is currently being updated" if not pool.complete else f"is currently invalid: {pool.problem}"
            raise CannotAllocate(f"{all_for}: asks for all devices, but resource pool {'/'.join(pool.id)} {state}")


def _available(device: Device, spec: Obj, admin: bool, usage: Usage) -> bool:
    return suits(device, spec) and (admin or device.id not in usage.whole)


def suits(device: Device, spec: Obj) -> bool:
    """Say whether a request tolerates a device, and the device is large enough for it."""
    if repelled(device.taints, spec.get("tolerations") or ()):
        return False
    return consumed(device, (spec.get("capacity") or {}).get("requests") or {}) is not None


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
