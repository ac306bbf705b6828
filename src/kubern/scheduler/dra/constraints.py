"""What devices of one claim have to have in common, or must not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kubern.base.json import Obj
from kubern.scheduler.dra.inventory import Device


class Constraint:
    """One constraint of a claim, over the requests that it names (all when it names none)."""

    __slots__ = ("_attribute", "_distinct", "_requests")

    def __init__(self, spec: Obj) -> None:
        self._distinct = spec.get("distinctAttribute") is not None
        self._attribute: str = spec.get("distinctAttribute") or spec.get("matchAttribute") or ""
        self._requests = frozenset(spec.get("requests") or ())

    def concerns(self, request: str) -> bool:
        """Say whether a request (`name`, or `name/alternative`) is among those it names."""
        return not self._requests or request in self._requests or request.partition("/")[0] in self._requests

    def allows(self, chosen: Iterable[Device], device: Device) -> bool:
        """Say whether a device goes together with those that were chosen before it."""
        value = self._value(device)
        if value is None:
            return False
        if self._distinct:
            return all(self._value(each) != value for each in chosen)
        return all(self._value(each) == value for each in chosen)

    def _value(self, device: Device) -> tuple[type, Any] | None:
        value = device.attributes.get(self._attribute)
        # 1, true and "1" are three different things
        return None if value is None else (type(value), value)


def constraints_of(claim: Obj) -> Sequence[Constraint]:
    """Return a claim's constraints."""
    return [Constraint(each) for each in claim["spec"]["devices"].get("constraints") or ()]
