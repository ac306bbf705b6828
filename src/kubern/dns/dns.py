"""The cluster DNS put together: a zone that follows the API, served on sockets."""

from __future__ import annotations

import asyncio
import socket

from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.client.informer import Informers, key_of
from kubern.dns.server import DnsServer, Forward
from kubern.dns.zone import Zone

SERVICES = GVR("", "v1", "services")
SLICES = GVR("discovery.k8s.io", "v1", "endpointslices")
NAMESPACES = GVR("", "v1", "namespaces")
_BY_SERVICE = "service"


class ClusterDns:
    """Keeps a zone equal to the cluster's Services."""

    def __init__(self, informers: Informers, domain: str) -> None:
        self.zone = Zone(domain)
        self._services = informers.of(SERVICES)
        self._slices = informers.of(SLICES)
        self._namespaces = informers.of(NAMESPACES)
        self._slices.add_index(_BY_SERVICE, _service_of)

    async def follow(self) -> None:
        """Take in everything there is, and every change from then on."""
        self._namespaces.on_change(self._namespace_changed)
        self._services.on_change(lambda before, after: self._update(key_of(after or before or {})))
        self._slices.on_change(self._slice_changed)
        for informer in (self._namespaces, self._services, self._slices):
            await informer.synced.wait()

    def _update(self, key: tuple[str, str]) -> None:
        slices = self._slices.by_index(_BY_SERVICE, "/".join(key))
        self.zone.update(key, self._services.get(*key), slices)

    def _slice_changed(self, before: Obj | None, after: Obj | None) -> None:
        for owner in {name for each in (before, after) if each for name in _service_of(each)}:
            namespace, _, name = owner.partition("/")
            self._update((namespace, name))

    def _namespace_changed(self, before: Obj | None, after: Obj | None) -> None:
        self.zone.set_namespaces(each["metadata"]["name"] for each in self._namespaces.list())


def _service_of(each: Obj) -> list[str]:
    name = (each["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
    return [f"{each['metadata']['namespace']}/{name}"] if name else []


async def run_dns(
    client: Client,
    clock: Clock,
    sockets: tuple[socket.socket, socket.socket],
    domain: str = "cluster.local",
    forward: Forward | None = None,
    informers: Informers | None = None,
) -> None:
    """Serve on a bound UDP and a listening TCP socket until cancelled. `informers` are shared with others of the process."""
    own = Informers(client, clock) if informers is None else informers
    dns = ClusterDns(own, domain)
    server = DnsServer(dns.zone, forward)
    async with asyncio.TaskGroup() as group:
        if informers is None:
            own.start(group)
        await dns.follow()
        await server.listen(*sockets)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await server.close()
