"""Running a kubelet on a real node: the runtime's socket, the machine, the HTTPS API. Called by `kubern kubelet` and node agents."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import psutil

from kubern.base.clock import Clock
from kubern.client.contract import Client
from kubern.diagnostics.access import Access
from kubern.http.server import serve
from kubern.http.tls import ServerTls
from kubern.kubelet.cgroups import Cgroups, hierarchies
from kubern.kubelet.devices.claims import DeviceClaims
from kubern.kubelet.devices.drivers import Drivers
from kubern.kubelet.kubelet import Kubelet
from kubern.kubelet.machine import read_machine
from kubern.kubelet.mounting import SystemMounter
from kubern.kubelet.runtime.cri import CriRuntime
from kubern.kubelet.server.api import KubeletApi
from kubern.kubelet.settings import Settings


class Listen(NamedTuple):
    """Where the kubelet's API listens, and whose client certificates it believes."""

    address: str
    certificate: Path
    key: Path
    client_ca: Path | None


async def run_kubelet(
    client: Client, clock: Clock, settings: Settings, runtime_endpoint: str, listen: Listen | None
) -> None:
    """Run the kubelet of this machine until cancelled. Raises `OSError` when its port is taken."""
    if not settings.node_ips:
        settings = replace(settings, node_ips=_own_addresses())
    await asyncio.to_thread(settings.root_dir.mkdir, parents=True, exist_ok=True)
    machine = await asyncio.to_thread(read_machine, settings.root_dir)
    cgroups = None
    if settings.cgroups_per_qos:
        mounts = await asyncio.to_thread(Path("/proc/self/mounts").read_text)
        cgroups = Cgroups(settings.cgroup_root, hierarchies(mounts), settings.pod_max_pids)
    async with AsyncExitStack() as stack:
        runtime = CriRuntime(runtime_endpoint)
        stack.push_async_callback(runtime.close)
        drivers = Drivers(settings.root_dir / "plugins_registry", clock)
        claims = DeviceClaims(client, drivers, settings.root_dir / "device-claims")
        kubelet = Kubelet(client, runtime, settings, machine, clock, SystemMounter(), cgroups)
        kubelet.claims = claims
        if listen is not None:
            tls = ServerTls(listen.certificate, listen.key, listen.client_ca)
            api = KubeletApi(kubelet.served, clock, Access(clock, client, client))
            server = await serve(api, (listen.address, settings.port), tls=tls, clock=clock)
            stack.push_async_callback(server.close)
        await kubelet.run()


def _own_addresses() -> tuple[str, ...]:
    """Return the machine's first address that others can reach."""
    for name, addresses in psutil.net_if_addrs().items():
        if name == "lo" or name.startswith(("veth", "cni", "docker", "br-")):
            continue
        for each in addresses:
            if each.family == 2:
                return (each.address,)
    return ("127.0.0.1",)
