"""What runs of a cluster, as rows for people."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import psutil

from kubern.cluster import processes
from kubern.cluster.node import Node
from kubern.cluster.node_ready import node_is_ready
from kubern.cluster.running import CONTROL_PLANE, Cluster


class Row(NamedTuple):
    """One part: `state` is running, ready, not ready or stopped; `memory` is proportional set size in bytes of its processes."""

    part: str
    state: str
    address: str
    memory: int


def rows(cluster: Cluster) -> list[Row]:
    """Return the control plane's row and one for each node, virtual nodes together in one."""
    settings = cluster.settings
    nodes = {node["metadata"]["name"]: node_is_ready(node) for node in cluster.probe().nodes()}
    process = processes.find(cluster.layout.processes, CONTROL_PLANE)
    ready = bool(process) and cluster.probe().ready()
    state = "ready" if ready else "not ready" if process else "stopped"
    found = [Row(CONTROL_PLANE, state, f"https://127.0.0.1:{settings.api_port}", _memory(process, children=False))]
    found += [_node_row(cluster, node, nodes.get(node.name, False)) for node in cluster.nodes()]
    if settings.virtual_nodes:
        count = sum(ready for name, ready in nodes.items() if name not in settings.node_names())
        state = "ready" if count >= settings.virtual_nodes else "not ready"
        found.append(Row(f"{settings.virtual_nodes} virtual nodes", state, "", 0))
    return found


def _node_row(cluster: Cluster, node: Node, ready: bool) -> Row:
    process = processes.find(cluster.layout.processes, node.name)
    state = "stopped" if process is None else "ready" if ready else "not ready"
    return Row(f"node {node.name}", state, node.address.address, _memory(process, children=True))


def _memory(process: psutil.Process | None, *, children: bool) -> int:
    """Return a process's own memory, its part of shared pages counted in proportion, with all below it if `children`."""
    total = 0
    for each in [process, *(process.children(recursive=True) if children else ())] if process else ():
        with contextlib.suppress(psutil.Error):
            total += each.memory_full_info().pss
    return total
