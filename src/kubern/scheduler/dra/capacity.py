"""How much of a device's capacity an allocation consumes. Pure.

Source: the Kubernetes documentation, "Consumable capacity"; the API's CapacityRequestPolicy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubern.base.json import Obj
from kubern.base.quantity import parse
from kubern.scheduler.dra.inventory import Device


def consumed(device: Device, wanted: Mapping[str, str]) -> dict[str, int] | None:
    """Return what a request consumes of each capacity, in nano units; None when the device cannot give it.

    A device that one claim has for itself only has to be large enough; it consumes nothing.
    """
    asked = {_key(name, device): parse(amount).nano for name, amount in wanted.items()}
    if not asked.keys() <= device.capacity.keys():
        return None
    if not device.shared:
        return {} if all(amount <= _size(device, name) for name, amount in asked.items()) else None
    found: dict[str, int] = {}
    for name, capacity in device.capacity.items():
        amount = _granted(capacity.get("requestPolicy") or {}, asked.get(name), _size(device, name))
        if amount is None or amount > _size(device, name):
            return None
        found[name] = amount
    return found


def fits(device: Device, taken: Iterable[Mapping[str, int]], more: Mapping[str, int]) -> bool:
    """Say whether a shared device has so much left."""
    held = tuple(taken)
    return all(sum(each.get(name, 0) for each in held) + amount <= _size(device, name) for name, amount in more.items())


def _key(name: str, device: Device) -> str:
    return name if "/" in name else f"{device.driver}/{name}"


def _size(device: Device, name: str) -> int:
    return parse(device.capacity[name]["value"]).nano


def _granted(policy: Obj, asked: int | None, size: int) -> int | None:
    """Return what is given to who asks for `asked`: rounded up as the policy has it."""
    if asked is None:
        return parse(policy["default"]).nano if policy.get("default") is not None else size
    if policy.get("validValues"):
        return min((value for each in policy["validValues"] if (value := parse(each).nano) >= asked), default=None)
    span = policy.get("validRange")
    if not span:
        return asked
    least = parse(span.get("min") or 0).nano
    amount = max(asked, least)
    step = parse(span.get("step") or 0).nano
    if step:
        amount = least + -(-(amount - least) // step) * step
    return None if span.get("max") is not None and amount > parse(span["max"]).nano else amount
