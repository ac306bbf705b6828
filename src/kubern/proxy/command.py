"""Running a node's proxy with its two ports: health for load balancers, metrics for the node itself.

Called by `kubern proxy` and node agents. What always holds: a port that cannot be had is logged and tried again; Services are served
without it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple

from kubern.base.clock import Clock
from kubern.base.introspection import Introspection
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.diagnostics.port import About, Port
from kubern.http.answers import text_response
from kubern.http.contract import Handler
from kubern.http.server import CannotListen, serve
from kubern.proxy.health import Health
from kubern.proxy.proxy import run_proxy

log = logging.getLogger(__name__)

TRY_AGAIN = 5.0
Address = tuple[str, int]


class Listen(NamedTuple):
    """Where the two ports are, None: nowhere."""

    healthz: Address | None = ("0.0.0.0", 10256)
    metrics: Address | None = ("127.0.0.1", 10249)
    profiling: bool = False
    flags: Mapping[str, str] = {}


async def run_served_proxy(client: ApiClient, clock: Clock, node: str, pod_cidr: str, listen: Listen) -> None:
    """Run the proxy of `node` until cancelled."""
    health, told = Health(clock), Introspection()
    told.sources += [health.families, client.transport.counts.families]
    told.configuration["kubeproxy.config.k8s.io"] = lambda: _configuration(node, pod_cidr, listen)
    metrics = Port(About("kube-proxy", listen.flags, listen.profiling), told, clock)
    metrics.routes.add("/proxyMode", lambda request: text_response(200, "nftables"))
    async with asyncio.TaskGroup() as group:
        for handler, address in ((health.serve, listen.healthz), (metrics, listen.metrics)):
            if address is not None:
                group.create_task(_kept_open(handler, address, clock), name=f"port {address[1]}")
        await run_proxy(client, clock, node, pod_cidr, introspection=told, health=health)


async def _kept_open(handler: Handler, address: Address, clock: Clock) -> None:
    async with AsyncExitStack() as opened:
        while True:
            try:
                server = await serve(handler, address, clock=clock)
                break
            except CannotListen as error:
                log.error("%s", error)
                await clock.sleep(TRY_AGAIN)
        opened.push_async_callback(server.close, 0.5)
        await asyncio.Event().wait()


def _configuration(node: str, pod_cidr: str, listen: Listen) -> Obj:
    """Return what the proxy runs with, as upstream's KubeProxyConfiguration has it."""
    return {
        "kind": "KubeProxyConfiguration",
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "mode": "nftables",
        "hostnameOverride": node,
        "clusterCIDR": pod_cidr,
        "healthzBindAddress": _shown(listen.healthz),
        "metricsBindAddress": _shown(listen.metrics),
        "enableProfiling": listen.profiling,
    }


def _shown(address: Address | None) -> str:
    return f"{address[0]}:{address[1]}" if address else ""
