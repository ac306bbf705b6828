"""The IPAddress objects: one for each Service address, so that no two servers on one store give an address out twice.

Made by `ApiServer`. What always holds: an address whose object exists is taken, whoever made the object; the set of taken addresses
follows the objects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from kubern.apiserver.allocation.holding import Holder, addresses_of
from kubern.apiserver.allocation.ranges import AddressRanges, parse_ranges
from kubern.apiserver.allocation.telling import ADDRESSES, warn
from kubern.apiserver.bootstrap import SERVICE_RANGES, ensure
from kubern.apiserver.cache import Change
from kubern.apiserver.core import Core
from kubern.apiserver.encoding import Entry
from kubern.base.clock import parse_time
from kubern.base.errors import StatusError
from kubern.base.json import Obj

GROUP, PLURAL = "networking.k8s.io", "ipaddresses"
FAMILY, MANAGER = "ipaddress.kubernetes.io/ip-family", "ipaddress.kubernetes.io/managed-by"
OURS = "ipallocator.k8s.io"
LOOK_EVERY = 180.0
"""Seconds between two comparisons of all Services with all addresses."""
YOUNG = 60.0
"""Seconds that an address may be without its Service: it is made first."""
_log = logging.getLogger(__name__)


class AddressLedger:
    """Claims addresses for Services and releases them; `run` mends what crashes and people leave behind."""

    def __init__(self, core: Core, ranges: AddressRanges) -> None:
        self._core = core
        self._ranges = ranges
        self._lost: asyncio.Queue[tuple[str, Holder]] = asyncio.Queue()
        core.feed.listen(PLURAL, _Addresses(ranges, self._lost))
        core.feed.listen(SERVICE_RANGES, _Ranges(core, ranges))

    async def claim(self, address: str, service: Obj) -> bool:
        """Write down that an address is a Service's; False when it is another's."""
        holder = _holder(service)
        parent = {"group": "", "resource": "services", **holder._asdict()}
        labels = {FAMILY: f"IPv{6 if ':' in address else 4}", MANAGER: OURS}
        made = {"metadata": {"name": address, "labels": labels}, "spec": {"parentRef": parent}}
        return await ensure(self._core, GROUP, "v1", PLURAL, made) or self._holder_of(address) == holder

    async def release(self, address: str, holder: Holder) -> bool:
        """Let an address of a Service go; False when there was nothing to release."""
        storage = self._core.storage_of(PLURAL, GROUP)
        while self._holder_of(address) == holder:
            entry = storage.find("", address)
            if entry is not None and await storage.delete(entry) is not None:
                return True
        return False

    async def run(self) -> None:
        """Keep Services and addresses in step until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._restore(), name="lost addresses")
            while True:
                await self._mend()
                await self._core.clock.sleep(LOOK_EVERY)

    async def _mend(self) -> None:
        """Compare all Services with all addresses."""
        holders: dict[str, Holder] = {}
        for entry in list(self._core.storage_of("services").cache.entries.values()):
            service = entry.obj()
            for address in addresses_of(service):
                await self._assign(address, service, holders)
        for address, holder in holders.items():
            if self._holder_of(address) != holder:
                await self._give(address, holder, holders)
        now = self._core.clock.now()
        for entry in list(self._core.storage_of(PLURAL, GROUP).cache.entries.values()):
            found = entry.obj()
            meta = found["metadata"]
            ours = (meta.get("labels") or {}).get(MANAGER) == OURS
            if (
                ours
                and entry.name not in holders
                and (now - parse_time(meta["creationTimestamp"])).total_seconds() > YOUNG
            ):
                _log.info("address %s belongs to no service: it is released", entry.name)
                await self.release(entry.name, _parent(found))

    async def _assign(self, address: str, service: Obj, holders: dict[str, Holder]) -> None:
        """Note whose an address is. Of several Services it is the one that it is written down for; the others are warned."""
        own, other = _holder(service), holders.get(address)
        if other is None:
            holders[address] = own
            return
        if self._holder_of(address) == own:
            holders[address], own = own, other
        wrong = self._core.find_object("services", *own)
        if wrong is not None:
            text = f"Cluster IP {_shown(address)} was assigned to multiple services; please recreate service"
            await warn(self._core, ADDRESSES, wrong, "ClusterIPAlreadyAllocated", text)

    async def _give(self, address: str, holder: Holder, holders: dict[str, Holder]) -> None:
        """Write the address of a Service down that is not, or not as that Service's."""
        written = self._holder_of(address)
        service = self._core.find_object("services", *holder)
        if service is not None:
            lacking = "is not allocated" if written is None else "has a wrong reference"
            text = f"Cluster IP {_shown(address)} {lacking}; repairing"
            await warn(self._core, ADDRESSES, service, "ClusterIPNotAllocated", text)
        try:
            if written is not None and holders.get(address) == holder:
                await self.release(address, written)
            await self.claim(address, {"metadata": holder._asdict()})
        except StatusError as error:
            _log.warning("address %s of service %s/%s: %s", address, *holder, error)

    async def _restore(self) -> None:
        """Write addresses down again that were deleted while their Service has them."""
        while True:
            address, holder = await self._lost.get()
            service = self._core.find_object("services", *holder)
            if service is not None and address in addresses_of(service):
                await self._give(address, holder, {})

    def _holder_of(self, address: str) -> Holder | None:
        entry = self._core.storage_of(PLURAL, GROUP).find("", address)
        return _parent(entry.obj()) if entry is not None else None


def _shown(address: str) -> str:
    return f"[IPv{6 if ':' in address else 4}]: {address}"


def _holder(service: Obj) -> Holder:
    return Holder(service["metadata"].get("namespace", ""), service["metadata"]["name"])


def _parent(address: Obj) -> Holder:
    parent: dict[str, Any] = (address.get("spec") or {}).get("parentRef") or {}
    if parent.get("group") or parent.get("resource") != "services":
        return Holder("", "")  # whoever has it, it is no Service
    return Holder(str(parent.get("namespace") or ""), str(parent.get("name") or ""))


class _Addresses:
    """Lets what is taken follow the IPAddress objects."""

    def __init__(self, ranges: AddressRanges, lost: asyncio.Queue[tuple[str, Holder]]) -> None:
        self._ranges = ranges
        self._lost = lost

    def load(self, entries: Sequence[Entry]) -> None:
        self._ranges.load(entry.name for entry in entries)

    def change(self, change: Change) -> None:
        entry = change.entry
        if not change.deleted:
            self._ranges.take(entry.name)
            return
        self._ranges.give_back(entry.name)
        self._lost.put_nowait((entry.name, _parent(entry.obj())))


class _Ranges:
    """Lets the ranges follow the ServiceCIDRs."""

    def __init__(self, core: Core, ranges: AddressRanges) -> None:
        self._core = core
        self._ranges = ranges

    def load(self, entries: Sequence[Entry]) -> None:
        self._use([entry.obj() for entry in entries])

    def change(self, change: Change) -> None:
        self._use([entry.obj() for entry in self._core.select(SERVICE_RANGES, group=GROUP)])

    def _use(self, found: list[Obj]) -> None:
        if not found:
            # before the default one is made, and when people deleted the last one: what the flag says
            self._ranges.use(parse_ranges(self._core.config.service_cluster_ip_range))
            return
        ready = sorted((each for each in found if _ready(each)), key=lambda each: str(each["metadata"]["name"]))
        self._ranges.use(cidr for each in ready for cidr in each["spec"].get("cidrs") or ())


def _ready(service_cidr: Obj) -> bool:
    """Whether addresses may be taken from a range; one about which nobody has said anything is ready."""
    if service_cidr["metadata"].get("deletionTimestamp"):
        return False
    conditions = (service_cidr.get("status") or {}).get("conditions") or ()
    return all(each.get("status") == "True" for each in conditions if each.get("type") == "Ready")
