"""The nftables back end: a verdict map finds the Service, a random number picks the back end, dnat sends it there.

    prerouting, output ─► services ─► @service-ips ─► svc-… ─► ep-… (dnat)
                                   └► @node-ports  ─► ext-… ─► svc-…
    forward, input, output: what has no back end is refused at once

One lookup finds the Service, however many there are. Source: docs of nftables, "Verdict maps" and "Load balancing".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from kubern.proxy.model import Backend, Port
from kubern.proxy.ruleset import Collection, Ruleset

TABLE = "ip kubern"
MASQUERADE = "0x4000"
"""The packet mark that asks for the node's own source address, so that answers come back through this node."""


def ruleset(ports: Iterable[Port], pod_cidr: str) -> Ruleset:
    """Return the rules for `ports`; `pod_cidr` is the range of all pods of the cluster (empty: unknown)."""
    build = _Builder(pod_cidr)
    for port in ports:
        build.add(port)
    return build.finish()


class _Builder:
    """Collects the chains and map elements of one rule set."""

    def __init__(self, pod_cidr: str) -> None:
        self._pod_cidr = pod_cidr
        self._chains: dict[str, tuple[str, ...]] = {}
        self._sets: dict[str, Collection] = {}
        self._service_ips: dict[str, str] = {}
        self._node_ports: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._refused_node_ports: dict[str, str] = {}
        self._cluster_ips: dict[str, str] = {}
        self._hairpins: dict[str, str] = {}

    def add(self, port: Port) -> None:
        """Add one Service port."""
        self._cluster_ips[port.cluster_ip] = ""
        inside = port.local if port.internal_local else port.cluster
        self._front(f"{port.cluster_ip} . {port.protocol} . {port.port}", self._balance("svc", port, inside), port)
        if port.external_ips or port.node_port:
            self._outside(port)

    def _front(self, key: str, chain: str, port: Port) -> None:
        if chain:
            self._service_ips[key] = f" : goto {chain}"
        else:
            # a Local policy without a back end here drops, so that another node may answer; no back end anywhere refuses
            self._refused[key] = " : drop" if port.cluster else " : goto refuse"

    def _outside(self, port: Port) -> None:
        """Add the ways in from outside: node port, external addresses, load balancer addresses."""
        name = _name("ext", port.key)
        everywhere = self._balance("svc" if not port.internal_local else "all", port, port.cluster)
        if port.external_local:
            here = self._balance("loc", port, port.local)
            rules = []
            if everywhere and self._pod_cidr:
                rules.append(f"ip saddr {self._pod_cidr} goto {everywhere}")
            if everywhere:
                rules.append(f"fib saddr type local meta mark set meta mark or {MASQUERADE}")
                rules.append(f"fib saddr type local goto {everywhere}")
            rules.append(f"goto {here}" if here else "drop")
        else:
            rules = [f"meta mark set meta mark or {MASQUERADE}", f"goto {everywhere}"] if everywhere else []
        if rules:
            self._chains[name] = tuple(rules)
        for address in port.external_ips:
            key = f"{address} . {port.protocol} . {port.port}"
            if not rules:
                self._refused[key] = " : goto refuse"
            elif port.source_ranges:
                self._service_ips[key] = f" : goto {self._guard(port, name)}"
            else:
                self._service_ips[key] = f" : goto {name}"
        if port.node_port:
            key = f"{port.protocol} . {port.node_port}"
            if rules:
                self._node_ports[key] = f" : goto {name}"
            else:
                self._refused_node_ports[key] = " : goto refuse"

    def _guard(self, port: Port, target: str) -> str:
        """Return a chain that lets only the Service's source ranges go on to `target`."""
        name = _name("fw", port.key)
        self._chains[name] = (f"ip saddr {{ {', '.join(sorted(port.source_ranges))} }} goto {target}", "drop")
        return name

    def _balance(self, prefix: str, port: Port, backends: tuple[Backend, ...]) -> str:
        """Return the chain that picks one of `backends`, empty when there is none."""
        if not backends:
            return ""
        name = _name(prefix, port.key)
        if name in self._chains:
            return name
        endpoints = [self._endpoint(port, backend) for backend in backends]
        rules = []
        if port.affinity:
            rules += [f"ip saddr @{_affinity(endpoint)} goto {endpoint}" for endpoint in endpoints]
        choices = ", ".join(f"{number} : goto {endpoint}" for number, endpoint in enumerate(endpoints))
        rules.append(f"numgen random mod {len(endpoints)} vmap {{ {choices} }}")
        self._chains[name] = tuple(rules)
        return name

    def _endpoint(self, port: Port, backend: Backend) -> str:
        """Return the chain that sends a packet to one back end."""
        name = _name("ep", f"{port.key}/{backend.ip}:{backend.port}")
        rules = []
        if port.affinity:
            rules.append(f"update @{_affinity(name)} {{ ip saddr }}")
            declaration = ("type ipv4_addr;", "flags dynamic,timeout;", f"timeout {port.affinity}s;")
            self._sets[_affinity(name)] = Collection("set", declaration)
        rules.append(f"meta l4proto {port.protocol} dnat to {backend.ip}:{backend.port}")
        self._chains[name] = tuple(rules)
        if backend.local:
            self._hairpins[f"{backend.ip} . {backend.ip}"] = ""
        return name

    def finish(self) -> Ruleset:
        """Return the whole table: the fixed chains around what was added."""
        port_map = "type ipv4_addr . inet_proto . inet_service : verdict;"
        node_port_map = "type inet_proto . inet_service : verdict;"
        collections = {
            "service-ips": Collection("map", (port_map,), self._service_ips),
            "node-ports": Collection("map", (node_port_map,), self._node_ports),
            "refused": Collection("map", (port_map,), self._refused),
            "refused-node-ports": Collection("map", (node_port_map,), self._refused_node_ports),
            "cluster-ips": Collection("set", ("type ipv4_addr;",), self._cluster_ips),
            "hairpins": Collection("set", ("type ipv4_addr . ipv4_addr;",), self._hairpins),
        }
        return Ruleset(TABLE, _FIXED_CHAINS | self._chains, collections | self._sets)


_FIXED_CHAINS: dict[str, tuple[str, ...]] = {
    "prerouting": ("type nat hook prerouting priority -100; policy accept;", "jump services"),
    "output": ("type nat hook output priority -100; policy accept;", "jump services"),
    "services": (
        "ip daddr . meta l4proto . th dport vmap @service-ips",
        "ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @node-ports",
    ),
    "filter-prerouting": (
        "type filter hook prerouting priority -110; policy accept;",
        "ct state new jump refusals",
    ),
    "filter-output": ("type filter hook output priority -110; policy accept;", "ct state new jump refusals"),
    "refusals": (
        "ip daddr . meta l4proto . th dport vmap @refused",
        "fib daddr type local meta l4proto . th dport vmap @refused-node-ports",
    ),
    "filter-forward": ("type filter hook forward priority filter; policy accept;", "ip daddr @cluster-ips goto refuse"),
    "filter-after": ("type filter hook output priority filter; policy accept;", "ip daddr @cluster-ips goto refuse"),
    "refuse": ("reject",),
    "postrouting": (
        "type nat hook postrouting priority srcnat; policy accept;",
        f"meta mark & {MASQUERADE} != 0 masquerade fully-random",
        "ct status & dnat == dnat ip saddr . ip daddr @hairpins masquerade fully-random",
    ),
}


def _name(prefix: str, key: str) -> str:
    return f"{prefix}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _affinity(endpoint: str) -> str:
    return f"aff-{endpoint[3:]}"
