"""The control plane of one machine in one process: store, apiserver, scheduler, controllers, DNS, virtual nodes, node ports on the host.

The apiserver listens on the host's loopback and, in a cluster with real nodes, inside the cluster's network. Its companions call it
in-process, each as the user that it would be on its own.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kubern.api.resources import load as load_resources
from kubern.apiserver.authn.request_header import RequestHeaderSettings
from kubern.apiserver.config import Config
from kubern.apiserver.identity import AUTHENTICATED, MASTERS, User
from kubern.apiserver.server import ApiServer
from kubern.base import garbage
from kubern.base.clock import Clock, SystemClock
from kubern.client.client import ApiClient
from kubern.client.informer import Informers
from kubern.client.transport_inprocess import InProcessTransport
from kubern.cluster import fabric
from kubern.cluster.companions import Companions
from kubern.cluster.layout import Layout
from kubern.cluster.logs import keep_bounded
from kubern.cluster.namespaces import NetworkNamespace
from kubern.cluster.pki import Pki
from kubern.cluster.settings import Settings
from kubern.cluster.settings import load as load_settings
from kubern.controllers.cache import Options
from kubern.controllers.certificates.authority import Authority
from kubern.controllers.certificates.signers import SIGNERS
from kubern.http.contract import Handler, Peer
from kubern.http.server import bound_socket, serve
from kubern.http.tls import ServerTls
from kubern.metrics.custom import SERVICE as CUSTOM_METRICS_SERVICE
from kubern.metrics.external import SERVICE as EXTERNAL_METRICS_SERVICE
from kubern.metrics.server import SERVICE as METRICS_SERVICE
from kubern.store.embedded import EmbeddedStore

log = logging.getLogger(__name__)

FABRIC_PORT = 6443
LAST_ANSWERS = 0.5
"""Seconds for answers on their way when the server ends. Nodes that ended before it leave connections whose far end never says goodbye."""
RENEW_EVERY = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What the control plane has to work with on this machine."""

    layout: Layout
    settings: Settings
    pki: Pki
    namespace: NetworkNamespace | None
    """The cluster's network, None when there are no real nodes."""
    clock: Clock


async def run_control_plane(state: Path) -> None:
    """Run the cluster whose state is at `state` until cancelled. Raises `OSError`, `ValueError` when it cannot start."""
    layout = Layout(state)
    settings = load_settings(layout.settings)
    if settings is None:
        raise ValueError(f"{state} holds no cluster")
    clock = SystemClock()
    namespace = NetworkNamespace(fabric.NETNS / fabric.fabric_namespace(settings.name)) if settings.real else None
    machine = Machine(layout, settings, Pki(layout.pki, clock), namespace, clock)
    async with _apiserver(machine) as api:
        handler = api.handler
        garbage.settle()
        async with asyncio.TaskGroup() as group:
            group.create_task(_renew_certificates(machine), name="certificates")
            group.create_task(keep_bounded(clock, [layout.logs / "control-plane.log"]), name="log")
            client = client_as(handler, "system:kube-controller-manager")
            informers = Informers(client, clock)
            options = await asyncio.to_thread(_controllers_options, machine)
            companions = Companions(
                settings, namespace, clock, lambda user: client_as(handler, user), informers, options, machine.pki
            )
            extensions = api.core.extensions
            extensions.attach("kube-system", METRICS_SERVICE, companions.metrics.handle)
            extensions.attach("kube-system", CUSTOM_METRICS_SERVICE, companions.custom_metrics.handle)
            if companions.external_metrics is not None:
                extensions.attach("kube-system", EXTERNAL_METRICS_SERVICE, companions.external_metrics.handle)
            await companions.start(group, api.core.backends)
            informers.start(group)


def _controllers_options(machine: Machine) -> Options:
    """Read what the controllers publish and sign with."""
    ca = machine.pki.ca
    certificate = ca.certificate.read_text()
    authority = Authority(certificate, ca.key.read_text())
    return Options(
        cluster_cidr=machine.settings.pod_cidr,
        root_ca=certificate,
        local_volume_path=str(machine.layout.volumes),
        service_account_key=machine.pki.service_account_key.read_text(),
        authorities=dict.fromkeys(SIGNERS, authority),
    )


def client_as(handler: Handler, user: str) -> ApiClient:
    """Return a client that calls the apiserver of this process as a component with full rights."""
    peer = Peer(user=User(user, (MASTERS, AUTHENTICATED)), memo={})
    return ApiClient(InProcessTransport(handler, peer, user.removeprefix("system:")))


@asynccontextmanager
async def _apiserver(machine: Machine) -> AsyncIterator[ApiServer]:
    """Serve the API; whatever was opened is closed in the end, in reverse order."""
    pki, settings = machine.pki, machine.settings
    async with AsyncExitStack() as opened:
        sockets = _sockets(machine)
        for sock in sockets:
            opened.callback(sock.close)
        store = await EmbeddedStore.open(machine.layout.store, clock=machine.clock)
        opened.push_async_callback(store.close)
        config = Config(
            advertise_address=fabric.GATEWAY if settings.real else "127.0.0.1",
            secure_port=FABRIC_PORT if settings.real else settings.api_port,
            service_cluster_ip_range=settings.service_cidr,
            client_ca_file=pki.ca.certificate,
            enable_bootstrap_token_auth=True,
            authorization_mode=("Node", "RBAC"),
            service_account_key_files=(pki.service_account_public_key,),
            service_account_signing_key_file=pki.service_account_key,
            kubelet_client_certificate=pki.kubelet_client.certificate,
            kubelet_client_key=pki.kubelet_client.key,
            kubelet_certificate_authority=pki.ca.certificate,
            request_header=RequestHeaderSettings(pki.front_proxy_ca.certificate, ("front-proxy-client",)),
            proxy_client_cert_file=pki.front_proxy_client.certificate,
            proxy_client_key_file=pki.front_proxy_client.key,
        )
        api = ApiServer(store, load_resources(), config, machine.clock)
        if machine.namespace is not None:
            api.core.backends.dial = machine.namespace.connect  # nodes and pods are only reached from inside the fabric
        tls = ServerTls(
            pki.apiserver.certificate, pki.apiserver.key, pki.ca.certificate, pki.front_proxy_ca.certificate
        )
        # who calls meanwhile waits in the sockets' backlog, and finds roles and caches complete
        await api.start()
        server = await serve(api.handler, sockets, tls=tls, clock=machine.clock)
        opened.push_async_callback(server.close, LAST_ANSWERS)
        opened.push_async_callback(api.close)
        log.info("serving on https://127.0.0.1:%d", settings.api_port)
        yield api


def _sockets(machine: Machine) -> list[socket.socket]:
    """Return the sockets to serve on: loopback of the host, and the fabric's address."""
    sockets = [bound_socket("127.0.0.1", machine.settings.api_port)]
    if machine.namespace is not None:
        sockets.append(machine.namespace.listen(fabric.GATEWAY, FABRIC_PORT))
    return sockets


async def _renew_certificates(machine: Machine) -> None:
    """Renew what is due while the cluster runs; the server takes a new serving certificate over by itself."""
    first = str(ipaddress.ip_network(machine.settings.service_cidr)[1])
    while True:
        await machine.clock.sleep(RENEW_EVERY)
        await asyncio.to_thread(machine.pki.ensure, first, [fabric.GATEWAY] if machine.settings.real else [])
