"""The cluster's own network: one namespace as its switch, one a node, joined by a bridge. The host's network stays as it is.

    fabric namespace  br0 172.30.0.1/24, the apiserver's and DNS's address
      └ veth ─ node N 172.30.0.(10+N), pods 10.244.N.0/24

The plan is text for `ip -batch`, made by pure functions; `create` and `delete` only run it. There is no route out: the
default route of a node leads into the fabric and ends there.
"""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path
from typing import NamedTuple

GATEWAY = "172.30.0.1"
"""The control plane's address as nodes and pods see it."""
NETNS = Path("/run/netns")


class NodeAddress(NamedTuple):
    """Where node `number` is: its address on the bridge and its pods' range."""

    number: int
    address: str
    pod_cidr: str


def node_address(number: int, pod_cidr: str) -> NodeAddress:
    """Return the addresses of real node `number` (from 1): the number-th /24 of `pod_cidr`."""
    base = int(ipaddress.ip_network(pod_cidr).network_address) + (number << 8)
    return NodeAddress(number, f"172.30.0.{10 + number}", f"{ipaddress.ip_address(base)}/24")


def fabric_namespace(cluster: str) -> str:
    """Return the name of the cluster's switch namespace."""
    return f"kubern.{cluster}.fabric"


def node_namespace(cluster: str, node: str) -> str:
    """Return the name of a node's network namespace."""
    return f"kubern.{cluster}.{node}"


def fabric_plan() -> list[str]:
    """Return the `ip` commands, run inside the fabric's namespace, that make the switch."""
    return [
        "link set lo up",
        "link add br0 type bridge",
        f"address add {GATEWAY}/24 dev br0",
        "link set br0 up",
    ]


def join_plan(namespace: str, node: NodeAddress) -> list[str]:
    """Return the `ip` commands, run inside the fabric, that plug a node's namespace in."""
    port = f"n{node.number}"
    return [
        f"link add {port} type veth peer name eth0 netns {namespace}",
        f"link set {port} master br0 up",
        f"route replace {node.pod_cidr} via {node.address}",
    ]


def node_plan(node: NodeAddress, others: list[NodeAddress]) -> list[str]:
    """Return the `ip` commands, run inside the node, for its address and its routes to every other node's pods."""
    return [
        "link set lo up",
        f"address replace {node.address}/24 dev eth0",
        "link set eth0 up",
        f"route replace default via {GATEWAY}",
        *(f"route replace {other.pod_cidr} via {other.address}" for other in others if other.number != node.number),
    ]


NODE_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    # without it most calls of a pod to a service whose back end is on the same node time out
    "net/bridge/bridge-nf-call-iptables": "1",
}
FABRIC_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
}


def create_fabric(cluster: str) -> None:
    """Make the switch, unless it is there. Raises `RuntimeError` with what `ip` said."""
    namespace = fabric_namespace(cluster)
    if _link(namespace, "br0", "up"):
        return
    # nothing, or half a switch that somebody was killed over
    delete_namespace(namespace)
    _run("ip", "netns", "add", namespace)
    _sysctls(namespace, FABRIC_SYSCTLS)
    _batch(namespace, fabric_plan())


def create_node(cluster: str, name: str, node: NodeAddress, others: list[NodeAddress]) -> None:
    """Make a node's namespace and plug it in, unless it is there; its routes are brought up to date either way."""
    namespace = node_namespace(cluster, name)
    if not _link(namespace, "lo"):
        delete_namespace(namespace)
        _run("ip", "netns", "add", namespace)
        _sysctls(namespace, NODE_SYSCTLS)
    if not _link(namespace, "eth0"):
        unplug_node(cluster, node)
        _batch(fabric_namespace(cluster), join_plan(namespace, node))
    _batch(namespace, node_plan(node, others))


def unplug_node(cluster: str, node: NodeAddress) -> None:
    """Take a node's link away, as when its cable is pulled; silent when it is gone already."""
    subprocess.run(
        ["ip", "-n", fabric_namespace(cluster), "link", "delete", f"n{node.number}"], capture_output=True, check=False
    )


def delete_namespace(namespace: str) -> None:
    """Delete a namespace with its links; silent when it is gone already."""
    if (NETNS / namespace).exists():
        _run("ip", "netns", "delete", namespace)


def namespaces_of(cluster: str) -> list[str]:
    """Return the names of all namespaces of a cluster that there are."""
    # a cluster's name has no dot in it
    return [each.name for each in NETNS.glob(f"kubern.{cluster}.*")]


def _link(namespace: str, link: str, *state: str) -> bool:
    """Whether the namespace is whole and has this link (in this state)."""
    if not (NETNS / namespace).exists():
        return False
    command = ["ip", "-n", namespace, "-oneline", "link", "show", link, *state]
    return bool(subprocess.run(command, capture_output=True, check=False).stdout)


def _batch(namespace: str, commands: list[str]) -> None:
    _run("ip", "-n", namespace, "-batch", "-", stdin="\n".join(commands) + "\n")


def _sysctls(namespace: str, values: dict[str, str]) -> None:
    script = ";".join(f"echo {value} > /proc/sys/{name}" for name, value in values.items())
    # plain nsenter, since `ip netns exec` mounts a /sys of its own on the way
    _run("nsenter", f"--net={NETNS / namespace}", "sh", "-c", script)


def _run(*command: str, stdin: str | None = None) -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])}: {done.stderr.strip()}")
