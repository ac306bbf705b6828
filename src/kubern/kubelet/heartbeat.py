"""The node's signs of life: its registration, its status when that changes, its lease every ten seconds."""

from __future__ import annotations

import asyncio
import logging

from kubern.base.clock import Clock, rfc3339_micro
from kubern.base.errors import AlreadyExists, Conflict, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.kubelet.machine import Machine, measure
from kubern.kubelet.node_object import Report, differs, labels, node_object, node_status, not_ready
from kubern.kubelet.objects import LEASES, NODES
from kubern.kubelet.runtime.contract import Condition, Image, Runtime, RuntimeFailure, Version
from kubern.kubelet.settings import Settings

_log = logging.getLogger(__name__)
_STRATEGIC = "application/strategic-merge-patch+json"
LEASE_NAMESPACE = "kube-node-lease"
_EAGER = 0.2
"""Seconds between looks at a runtime or an API that is not ready yet: a node should be Ready as soon as it can be."""


class Heartbeat:
    """Registers the node and keeps telling that it is alive."""

    def __init__(self, client: Client, runtime: Runtime, settings: Settings, machine: Machine, clock: Clock) -> None:
        self._client = client
        self._runtime = runtime
        self._settings = settings
        self._machine = machine
        self._clock = clock
        self._node: Obj = {}
        self._reported = float("-inf")
        self._version = Version("", "", "")
        self._lease: Obj | None = None

    async def run(self) -> None:
        """Tell for ever."""
        await self._register()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._status_loop())
            group.create_task(self._lease_loop())

    async def _register(self) -> None:
        """Create the node, or bring the labels of one that is there up to date; again until it is done."""
        wanted = node_object(self._machine, self._settings)
        while True:
            try:
                if self._settings.register_node:
                    try:
                        self._node = await self._client.create(NODES, wanted)
                        return
                    except AlreadyExists:
                        pass
                body = {"metadata": {"labels": labels(self._machine, self._settings)}}
                self._node = await self._client.patch(NODES, self._settings.node_name, body)
                return
            except StatusError as error:
                _log.warning("node is not registered yet: %s", error, extra={"node": self._settings.node_name})
                await self._clock.sleep(_EAGER)

    async def _status_loop(self) -> None:
        while True:
            ready = False
            try:
                ready = await self.report()
            except NotFound:
                await self._register()
            except StatusError as error:
                _log.warning("node status not written: %s", error, extra={"node": self._settings.node_name})
            await self._clock.sleep(self._settings.status_frequency if ready else _EAGER)

    async def report(self) -> bool:
        """Write the node's status if it changed or is due; return whether the node is ready. Raises `StatusError`."""
        settings = self._settings
        # what the API says counts, not what was last written: a control loop may have called the node lost meanwhile
        known = (await self._client.get(NODES, settings.node_name)).get("status") or {}
        runtime, images = await self._ask_runtime()
        usage = await asyncio.to_thread(measure, settings.root_dir)
        status = node_status(
            self._machine, settings, Report(usage, runtime, self._version, images, self._clock.now()), known
        )
        now = self._clock.monotonic()
        due = now - self._reported >= settings.status_report_frequency
        if due or differs(status, known):
            body: Obj = {"status": status}
            await self._client.patch(NODES, settings.node_name, body, subresource="status", content_type=_STRATEGIC)
            self._reported = now
        return not not_ready(runtime)

    async def _ask_runtime(self) -> tuple[tuple[Condition, ...] | None, list[Image]]:
        try:
            if not self._version.name:
                pod_cidr = self._settings.pod_cidr or (self._node.get("spec") or {}).get("podCIDR")
                if pod_cidr:
                    await self._runtime.set_pod_cidr(pod_cidr)
                self._version = await self._runtime.version()
            return await self._runtime.status(), await self._runtime.list_images()
        except RuntimeFailure as failure:
            _log.warning("container runtime does not answer: %s", failure)
            return None, []

    async def _lease_loop(self) -> None:
        period = self._settings.lease_duration / 4
        while True:
            try:
                await self._renew()
                wait = period
            except StatusError as error:
                _log.warning("lease not renewed: %s", error, extra={"node": self._settings.node_name})
                self._lease, wait = None, min(period, 1.0)
            await self._clock.sleep(wait)

    async def _renew(self) -> None:
        name = self._settings.node_name
        if self._lease is None:
            try:
                self._lease = await self._client.get(LEASES, name, LEASE_NAMESPACE)
            except NotFound:
                self._lease = await self._client.create(LEASES, self._fresh_lease(), LEASE_NAMESPACE)
                return
        spec = self._lease["spec"] | {
            "holderIdentity": name,
            "leaseDurationSeconds": self._settings.lease_duration,
            "renewTime": rfc3339_micro(self._clock.now()),
        }
        try:
            self._lease = await self._client.update(LEASES, self._lease | {"spec": spec})
        except (Conflict, NotFound):
            self._lease = None
            raise

    def _fresh_lease(self) -> Obj:
        name = self._settings.node_name
        meta: Obj = {"name": name, "namespace": LEASE_NAMESPACE}
        if self._node:
            owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": self._node["metadata"]["uid"]}
            meta["ownerReferences"] = [owner]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": meta,
            "spec": {
                "holderIdentity": name,
                "leaseDurationSeconds": self._settings.lease_duration,
                "renewTime": rfc3339_micro(self._clock.now()),
            },
        }
