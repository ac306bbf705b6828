"""The agent of one real node: its kubelet and its proxy in one process, inside the node's namespaces.

Whichever of the two ends, ends the process, and process 1 of the node starts it again; containers and rules stay as they are meanwhile.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from kubern.base.clock import SystemClock
from kubern.client.client import ApiClient
from kubern.client.kubeconfig import load as load_kubeconfig
from kubern.client.transport_https import HttpsTransport
from kubern.cluster.fabric import node_address
from kubern.cluster.layout import CONTAINERD_SOCKET, Layout
from kubern.cluster.logs import keep_bounded
from kubern.cluster.node import Node
from kubern.cluster.pki import Pki
from kubern.cluster.settings import Settings as ClusterSettings
from kubern.cluster.settings import load as load_settings
from kubern.cluster.system_objects import dns_address
from kubern.kubelet.command import Listen, run_kubelet
from kubern.kubelet.settings import Settings
from kubern.proxy.command import Listen as ProxyListen
from kubern.proxy.command import run_served_proxy

_KUBECONFIGS = {"kubelet": "kubelet.kubeconfig", "kube-proxy": "proxy.kubeconfig"}
"""Kubelet and proxy are two users, with no more rights than each needs."""


async def run_node_agent(state: Path, name: str) -> None:
    """Be the agent of node `name` of the cluster at `state` until cancelled. Raises `ValueError` when there is no such node."""
    layout = Layout(state)
    cluster = load_settings(layout.settings)
    if cluster is None or name not in cluster.node_names():
        raise ValueError(f"{state} holds no cluster with a node {name!r}")
    address = node_address(cluster.node_names().index(name) + 1, cluster.pod_cidr)
    node = Node.of(layout, cluster.name, name, address)
    own = Pki(layout.pki).node(name)
    listen = Listen("0.0.0.0", own.certificate, own.key, Pki(layout.pki).ca.certificate)
    clock = SystemClock()
    clients = [
        ApiClient(HttpsTransport(load_kubeconfig(node.paths.config / file), agent))
        for agent, file in _KUBECONFIGS.items()
    ]
    try:
        async with asyncio.TaskGroup() as group:
            logs = [node.paths.logs / f"{program}.log" for program in ("agent", "containerd", "init")]
            group.create_task(keep_bounded(clock, logs), name="logs")
            settings, endpoint = kubelet_settings(layout, cluster, node), f"unix://{CONTAINERD_SOCKET}"
            group.create_task(run_kubelet(clients[0], clock, settings, endpoint, listen), name="kubelet")
            group.create_task(run_served_proxy(clients[1], clock, name, cluster.pod_cidr, ProxyListen()), name="proxy")
    finally:
        for client in clients:
            await client.close()


def kubelet_settings(layout: Layout, cluster: ClusterSettings, node: Node) -> Settings:
    """Return what a node's kubelet is started with: all its files below the node's own directory."""
    return Settings(
        node_name=node.name,
        root_dir=node.paths.kubelet,
        local_volume_path=layout.volumes,
        pod_logs_dir=node.paths.logs / "pods",
        node_ips=(node.address.address,),
        cluster_dns=(dns_address(cluster.service_cidr),),
        cluster_domain=cluster.domain,
        pod_cidr=node.address.pod_cidr,
        cgroup_root=node.cgroup,
        # the disk is the machine's, not the node's: that it is nearly full must not stop a cluster on a laptop
        eviction_hard={"memory.available": "100Mi"},
    )
