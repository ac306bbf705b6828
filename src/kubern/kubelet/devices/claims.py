"""The claims of this node's pods: their devices are prepared before a pod starts, and released when the last pod that uses them is gone.

What is prepared is written to a file a claim, so that a kubelet which starts anew still knows what to release: by then the claim itself
may be gone. Source: the Kubernetes documentation, "Dynamic Resource Allocation"; KEP-4381.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson

from kubern.api.pod_claims import PodClaim, allocation, not_owned, pod_claims, reserved_for
from kubern.base.errors import NotFound
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.kubelet.devices.drivers import DriverError, Drivers
from kubern.kubelet.devices.protocol import PREPARE, RELEASE, message
from kubern.kubelet.podspec import uid

RESOURCE_CLAIMS = GVR("resource.k8s.io", "v1", "resourceclaims")
PATIENCE = 45.0
"""Seconds that a driver has to prepare or release devices."""
Prepared = dict[str, list[Obj]]
"""By the pod's name for a claim: its devices, each with `requests` and `cdi`."""


class ClaimError(Exception):
    """A pod's devices cannot be prepared, or released."""


class DeviceClaims:
    """All claims that are prepared on this node."""

    def __init__(self, client: Client, drivers: Drivers, folder: Path) -> None:
        self.drivers = drivers
        self._client = client
        self._folder = folder
        self._lock = asyncio.Lock()
        self._held: dict[str, Obj] = {path.stem: orjson.loads(path.read_bytes()) for path in folder.glob("*.json")}
        """By the claim's uid: namespace, name, the pods that use it, and by driver its devices, None while it has not answered."""

    async def prepare(self, pod: Obj) -> Prepared:
        """Have all devices of a pod prepared; what is prepared already is not asked for again. Raises `ClaimError`, `StatusError`."""
        found: Prepared = {}
        async with self._lock:
            for entry in pod_claims(pod):
                if not entry.needless:
                    claim = await self._claim(pod, entry)
                    try:
                        found[entry.name] = await self._one(pod, claim)
                    except DriverError as error:
                        raise ClaimError(f"prepare dynamic resources: {error}") from error
        return found

    async def release(self, pod_uid: str) -> None:
        """Give back what only this pod used. Raises `ClaimError`; it may be asked again."""
        async with self._lock:
            for claim_uid, held in [*self._held.items()]:
                if pod_uid not in held["pods"]:
                    continue
                if held["pods"] == [pod_uid]:
                    for driver in held["drivers"]:
                        await self._unprepare(claim_uid, held, driver)
                    del self._held[claim_uid]
                    self._file(claim_uid).unlink(missing_ok=True)
                else:
                    held["pods"].remove(pod_uid)
                    self._save(claim_uid)

    def users(self) -> set[str]:
        """Return the uids of the pods that have devices here."""
        return {each for held in self._held.values() for each in held["pods"]}

    async def _claim(self, pod: Obj, entry: PodClaim) -> Obj:
        meta = pod["metadata"]
        if not entry.claim:
            raise ClaimError(f'pod "{meta["namespace"]}/{meta["name"]}": ResourceClaim not created yet')
        try:
            claim = await self._client.get(RESOURCE_CLAIMS, entry.claim, meta["namespace"])
        except NotFound as error:
            raise ClaimError(f"fetch ResourceClaim {meta['namespace']}/{entry.claim}: {error.message}") from error
        problem = not_owned(claim, pod) if entry.generated else ""
        if problem:
            raise ClaimError(problem)
        if not reserved_for(claim, pod):
            users, name = f"pod {meta['name']} ({uid(pod)})", f"ResourceClaim {entry.claim} ({uid(claim)})"
            raise ClaimError(f"{users} is not allowed to use {name}")
        return claim

    async def _one(self, pod: Obj, claim: Obj) -> list[Obj]:
        results = ((allocation(claim) or {}).get("devices") or {}).get("results") or ()
        held = self._held.get(uid(claim))
        if held is None:
            meta = claim["metadata"]
            held = {"namespace": meta["namespace"], "name": meta["name"], "pods": [], "drivers": {}}
        for driver in dict.fromkeys(each["driver"] for each in results):
            if held["drivers"].get(driver) is None:
                self.drivers.check(driver)
                # written down before: who was asked is told when it is over, whatever the answer was
                held["drivers"][driver] = None
                self._use(uid(claim), held, pod)
                held["drivers"][driver] = await self._asked(uid(claim), held, driver)
        self._use(uid(claim), held, pod)
        return [device for devices in held["drivers"].values() for device in devices or ()]

    def _use(self, claim_uid: str, held: Obj, pod: Obj) -> None:
        self._held[claim_uid] = held
        if uid(pod) not in held["pods"]:
            held["pods"].append(uid(pod))
        self._save(claim_uid)

    async def _asked(self, claim_uid: str, held: Obj, driver: str) -> list[Obj]:
        name = f"{held['namespace']}/{held['name']}"
        request = message("PrepareRequest")(claims=[_claim(claim_uid, held)])
        answer = await self.drivers.call(driver, PREPARE, request, PATIENCE)
        prepared = next((each.value for each in answer.claims if each.key == claim_uid), None)
        if prepared is None:
            raise ClaimError(f"NodePrepareResources skipped ResourceClaim {name}")
        if prepared.error:
            raise ClaimError(f"NodePrepareResources failed for ResourceClaim {name}: {prepared.error}")
        return [{"requests": [*each.request_names], "cdi": [*each.cdi_device_ids]} for each in prepared.devices]

    async def _unprepare(self, claim_uid: str, held: Obj, driver: str) -> None:
        request = message("ReleaseRequest")(claims=[_claim(claim_uid, held)])
        try:
            answer = await self.drivers.call(driver, RELEASE, request, PATIENCE)
        except DriverError as error:
            raise ClaimError(f"unprepare dynamic resources: {error}") from error
        problem = next((each.value.error for each in answer.claims if each.key == claim_uid), "")
        if problem:
            name = f"{held['namespace']}/{held['name']}"
            raise ClaimError(f"NodeUnprepareResources failed for ResourceClaim {name}: {problem}")

    def _file(self, claim_uid: str) -> Path:
        return self._folder / f"{claim_uid}.json"

    def _save(self, claim_uid: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._file(claim_uid).with_suffix(".new")
        new.write_bytes(orjson.dumps(self._held[claim_uid]))
        new.replace(self._file(claim_uid))


def _claim(claim_uid: str, held: Obj) -> object:
    made: object = message("Claim")(namespace=held["namespace"], uid=claim_uid, name=held["name"])
    return made


def cdi_devices(container: Obj, prepared: Prepared) -> tuple[str, ...]:
    """Return the devices that a container is given, by their names for the runtime (CDI), each once."""
    found: dict[str, None] = {}
    for wanted in (container.get("resources") or {}).get("claims") or ():
        request = wanted.get("request") or ""
        for device in prepared.get(wanted["name"]) or ():
            names = {each.partition("/")[0] for each in device["requests"]} | set(device["requests"])
            if not request or not names or request in names:
                found.update(dict.fromkeys(device["cdi"]))
    return tuple(found)
