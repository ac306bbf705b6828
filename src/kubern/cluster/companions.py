"""Who lives beside the apiserver in one process: scheduler, controllers, DNS, node ports on the host, virtual nodes.

They share one set of informers, and so one watch and one copy of each resource.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kubern.apiserver.backends.access import Backends
from kubern.base.clock import Clock
from kubern.base.errors import NotFound
from kubern.base.introspection import Introspection
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.client.contract import GVR
from kubern.client.informer import Informers
from kubern.cluster import fabric
from kubern.cluster.component_ports import PORTS, Hosted, serve_component_ports
from kubern.cluster.fabric import node_address
from kubern.cluster.host_ports import HostPorts, wanted_ports
from kubern.cluster.namespaces import NetworkNamespace
from kubern.cluster.pki import Pki
from kubern.cluster.settings import Settings
from kubern.cluster.system_objects import DNS_PORT, default_class, dns_endpoints, dns_service
from kubern.cluster.virtual_kubelets import serve_virtual_kubelets
from kubern.controllers.cache import Options
from kubern.controllers.runner import run_controllers
from kubern.dns.dns import run_dns
from kubern.metrics.custom import CustomMetrics
from kubern.metrics.external import ExternalMetrics
from kubern.metrics.server import MetricsServer
from kubern.metrics.window import Id, Reading
from kubern.scheduler.main import run_scheduler
from kubern.simulation.nodes import VirtualNodes

if TYPE_CHECKING:
    from kubern.metrics.prometheus import Prometheus

NODES = GVR("", "v1", "nodes")
PODS = GVR("", "v1", "pods")
SERVICES = GVR("", "v1", "services")
STORAGE_CLASSES = GVR("storage.k8s.io", "v1", "storageclasses")
SLICES = GVR("discovery.k8s.io", "v1", "endpointslices")

CONTROLLERS = ("*", "bootstrap-signer-controller", "token-cleaner-controller", "local-volume-provisioner")
"""As kubeadm has it, with those that look after bootstrap tokens; and the one that makes the default class's volumes."""


class Companions:
    """Starts them as tasks. `client_as` gives a client for a component's user, `options` are the controllers', `pki` the cluster's."""

    def __init__(
        self,
        settings: Settings,
        namespace: NetworkNamespace | None,
        clock: Clock,
        client_as: Callable[[str], ApiClient],
        informers: Informers,
        options: Options,
        pki: Pki,
    ) -> None:
        self._settings = settings
        self._namespace = namespace
        self._clock = clock
        self._client_as = client_as
        self._informers = informers
        self._options = options
        self._pki = pki
        self._virtual: VirtualNodes | None = None
        self.metrics = MetricsServer(client_as("system:metrics-server"), clock, self._virtual_metrics, self._node_names)
        """Answers metrics.k8s.io, once attached to the apiserver."""
        pods = informers.of(PODS)
        prometheus = _prometheus(settings.prometheus_url, clock) if settings.prometheus_url else None
        user = client_as("system:custom-metrics")
        self.custom_metrics = CustomMetrics(user, clock, pods.list, prometheus)
        """Answers custom.metrics.k8s.io likewise."""
        self.external_metrics = ExternalMetrics(user, clock, prometheus) if prometheus else None
        """Answers external.metrics.k8s.io, where there is a Prometheus server."""

    def _virtual_metrics(self, node: str) -> Mapping[Id, Reading] | None:
        found = self._virtual.counters(node) if self._virtual else None
        return None if found is None else {key: Reading(*each) for key, each in found.items()}

    async def _node_names(self) -> list[str]:
        nodes = self._informers.of(NODES)
        await nodes.synced.wait()
        return [name for _, name in nodes.known()]

    async def start(self, group: asyncio.TaskGroup, backends: Backends) -> None:
        """Start all that the cluster's settings ask for. `backends` is how the apiserver reaches nodes."""
        clock, informers = self._clock, self._informers
        await self._first_time()
        programs = {name: Hosted(self._client_as(f"system:{name}"), Introspection()) for name in PORTS}
        client, told = programs["kube-scheduler"]
        group.create_task(run_scheduler(client, clock, informers=informers, introspection=told), name="scheduler")
        client, told = programs["kube-controller-manager"]
        controllers = run_controllers(client, clock, informers, CONTROLLERS, self._options, told)
        group.create_task(controllers, name="controllers")
        if self._namespace is not None:
            await self._start_dns(group, self._namespace)
            group.create_task(self._serve_host_ports(self._namespace), name="host ports")

        if self._settings.virtual_nodes:
            names = [f"virtual-{number}" for number in range(1, self._settings.virtual_nodes + 1)]
            self._virtual = VirtualNodes(self._client_as("system:virtual-nodes"), informers, clock, names)
            group.create_task(self._virtual.run(), name="virtual nodes")
            kubelets = serve_virtual_kubelets(
                self._virtual, backends, self._pki, self._client_as("system:virtual-nodes"), clock
            )
            group.create_task(kubelets, name="virtual nodes' kubelets")
        group.create_task(self.metrics.run(), name="metrics server")
        group.create_task(self.custom_metrics.run(), name="custom metrics")
        if self.external_metrics is not None:
            group.create_task(self.external_metrics.run(), name="external metrics")
        ports = serve_component_ports(programs, self._namespace, self._pki, clock)
        group.create_task(ports, name="ports of scheduler and controllers")

    async def _first_time(self) -> None:
        """Make the default storage class, in a new cluster only: whoever deletes it later wants none."""
        volumes = Path(self._options.local_volume_path)
        if not await asyncio.to_thread(volumes.exists):
            await _ensure(self._client_as("system:kube-controller-manager"), STORAGE_CLASSES, default_class())
            await asyncio.to_thread(volumes.mkdir, 0o700)

    async def _start_dns(self, group: asyncio.TaskGroup, namespace: NetworkNamespace) -> None:
        client = self._client_as("system:kube-dns")
        sockets = (
            namespace.listen(fabric.GATEWAY, DNS_PORT, socket.SOCK_DGRAM),
            namespace.listen(fabric.GATEWAY, DNS_PORT),
        )
        await _ensure(client, SERVICES, dns_service(self._settings.service_cidr))
        await _ensure(client, SLICES, dns_endpoints(fabric.GATEWAY))
        group.create_task(
            run_dns(client, self._clock, sockets, self._settings.domain, informers=self._informers), name="dns"
        )

    async def _serve_host_ports(self, namespace: NetworkNamespace) -> None:
        """Keep the host's loopback serving the node ports that there are."""
        numbers = range(1, self._settings.nodes + 1)
        nodes = [node_address(number, self._settings.pod_cidr).address for number in numbers]
        ports = HostPorts(namespace, nodes, self._clock)
        services = self._informers.of(SERVICES)
        changed = asyncio.Event()

        def note(before: Obj | None, after: Obj | None) -> None:
            changed.set()

        services.on_change(note)
        try:
            while True:
                changed.clear()
                await ports.serve(wanted_ports(services.list()))
                await changed.wait()
        finally:
            await ports.close()


def _prometheus(url: str, clock: Clock) -> Prometheus:
    from kubern.metrics.prometheus import Prometheus

    return Prometheus(url, clock)


async def _ensure(client: ApiClient, gvr: GVR, obj: Obj) -> None:
    """Create an object that every cluster has, unless it is there."""
    # asked for first: a Service that is there would be refused for its address, not for its name
    try:
        await client.get(gvr, obj["metadata"]["name"], obj["metadata"].get("namespace", ""))
    except NotFound:
        await client.create(gvr, obj)
