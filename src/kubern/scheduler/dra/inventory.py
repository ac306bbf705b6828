"""The devices that ResourceSlices publish, by pool. Made once from all slices, and again when one of them changes.

What always holds: of each pool only the newest generation counts; a pool of which slices are missing is known as such.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from operator import is_
from typing import Any, NamedTuple

from kubern.api.cel.devices import attribute_value, device_value
from kubern.base.json import Obj
from kubern.base.quantity import parse
from kubern.scheduler.plugins.node_affinity import term_matches

DeviceId = tuple[str, str, str]
"""Driver, pool, device."""
PoolId = tuple[str, str]
QUESTIONS = 32
"""Different sets of selectors of which is remembered what they choose on a node."""


class Device:
    """One device. `where` says from which nodes it can be used: its slice's spec, or itself; `names` are its capacities' as written."""

    __slots__ = (
        "attributes",
        "capacity",
        "chosen",
        "consumes",
        "driver",
        "id",
        "names",
        "obj",
        "order",
        "shared",
        "taints",
        "value",
        "where",
    )

    def __init__(self, identity: DeviceId, obj: Obj, where: Obj, number: int) -> None:
        self.id = identity
        self.driver = identity[0]
        self.obj = obj
        self.where = where
        self.order = (identity[:2], number)
        self.shared = bool(obj.get("allowMultipleAllocations"))
        self.taints: tuple[Obj, ...] = tuple(obj.get("taints") or ())
        self.attributes = {
            _full(name, self.driver): attribute_value(each) for name, each in (obj.get("attributes") or {}).items()
        }
        written: dict[str, Obj] = obj.get("capacity") or {}
        self.capacity = {_full(name, self.driver): each for name, each in written.items()}
        self.names = {_full(name, self.driver): name for name in written}
        self.consumes = tuple(
            (each["counterSet"], name, parse(counter["value"]).nano)
            for each in obj.get("consumesCounters") or ()
            for name, counter in (each.get("counters") or {}).items()
        )
        self.chosen: dict[str, bool | str] = {}
        """By expression: whether it chooses the device, or why it fails. Filled as it is asked."""
        self.value: dict[str, Any] = device_value(self.driver, obj)

    @property
    def pool(self) -> PoolId:
        """The device's pool."""
        return self.id[:2]


class Pool(NamedTuple):
    """One pool in its newest generation. `problem`: why its devices cannot be used, empty when they can."""

    id: PoolId
    devices: tuple[Device, ...]
    counters: Mapping[tuple[str, str], int]
    """What there is of each counter (set, name), in nano units."""
    complete: bool
    slices: tuple[Obj, ...]
    problem: str = ""


class Inventory:
    """All pools, and answers about devices that only the devices themselves decide."""

    def __init__(self, pools: Iterable[Pool]) -> None:
        self.pools = {pool.id: pool for pool in pools}
        self._everywhere: dict[PoolId, list[Device]] = {}
        self._on: dict[str, dict[PoolId, list[Device]]] = {}
        self._selected: dict[PoolId, list[Device]] = {}
        self._reachable: dict[str, Reachable] = {}
        for pool in self.pools.values():
            for device in pool.devices:
                if device.where.get("nodeName"):
                    self._on.setdefault(device.where["nodeName"], {}).setdefault(pool.id, []).append(device)
                elif device.where.get("allNodes"):
                    self._everywhere.setdefault(pool.id, []).append(device)
                else:
                    self._selected.setdefault(pool.id, []).append(device)

    def reachable(self, node: Obj) -> Reachable:
        """Return the devices that can be used from a node; remembered until the node or a slice changes."""
        name = node["metadata"]["name"]
        held = self._reachable.get(name)
        if held is None or held.node is not node:
            held = self._reachable[name] = Reachable(node, self._from(node, name))
        return held

    def _from(self, node: Obj, name: str) -> tuple[Device, ...]:
        mine = self._on.get(name, {})
        found = [device for devices in (*self._everywhere.values(), *mine.values()) for device in devices]
        for devices in self._selected.values():
            found += [device for device in devices if _selects(device.where.get("nodeSelector"), node)]
        # devices that have to be prepared before a pod is bound come last
        found.sort(key=lambda device: (bool(device.obj.get("bindingConditions")), device.order))
        return tuple(found)


class Reachable:
    """The devices that can be used from a node, in the order in which they are tried, and which of them selectors choose."""

    __slots__ = ("devices", "known", "node")

    def __init__(self, node: Obj, devices: tuple[Device, ...]) -> None:
        self.node = node
        self.devices = devices
        self.known: dict[Hashable, tuple[Device, ...]] = {}

    def chosen(self, question: Hashable, choose: Callable[[Device], bool]) -> tuple[Device, ...]:
        """Return the devices that `choose` is true of, remembered under `question`."""
        found = self.known.get(question)
        if found is None:
            if len(self.known) >= QUESTIONS:
                self.known.clear()
            found = self.known[question] = tuple(device for device in self.devices if choose(device))
        return found


def read(slices: Iterable[Obj], before: Inventory | None = None) -> Inventory:
    """Return the inventory of all ResourceSlices. Pools of which no slice has changed are taken over from the one before."""
    by_pool: dict[PoolId, list[Obj]] = {}
    for each in slices:
        spec = each["spec"]
        by_pool.setdefault((spec["driver"], spec["pool"]["name"]), []).append(each)
    known = before.pools if before is not None else {}
    return Inventory(_pool(identity, by_pool[identity], known.get(identity)) for identity in sorted(by_pool))


def _pool(identity: PoolId, slices: list[Obj], before: Pool | None) -> Pool:
    newest = max(each["spec"]["pool"].get("generation") or 0 for each in slices)
    current = [each for each in slices if (each["spec"]["pool"].get("generation") or 0) == newest]
    current.sort(key=lambda each: str(each["metadata"]["name"]))
    if before is not None and len(current) == len(before.slices) and all(map(is_, current, before.slices)):
        return before
    complete = all(each["spec"]["pool"].get("resourceSliceCount") == len(current) for each in current)
    devices: list[Device] = []
    counters: dict[tuple[str, str], int] = {}
    for spec in (each["spec"] for each in current):
        for obj in spec.get("devices") or ():
            where = obj if spec.get("perDeviceNodeSelection") else spec
            devices.append(Device((*identity, obj["name"]), obj, where, len(devices)))
        for held in spec.get("sharedCounters") or ():
            for name, counter in (held.get("counters") or {}).items():
                counters[held["name"], name] = parse(counter["value"]).nano
    names = [device.id[2] for device in devices]
    doubled = next((name for name in names if names.count(name) > 1), "") if len(set(names)) < len(names) else ""
    problem = f"duplicate device name {doubled}" if doubled else ""
    return Pool(identity, tuple(devices), counters, complete, tuple(current), problem)


def _selects(selector: Obj | None, node: Obj) -> bool:
    return selector is not None and any(term_matches(term, node) for term in selector.get("nodeSelectorTerms") or ())


def _full(name: str, driver: str) -> str:
    return name if "/" in name else f"{driver}/{name}"
