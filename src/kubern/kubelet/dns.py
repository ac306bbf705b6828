"""A pod's resolv.conf, from its DNS policy. Pure. Source: the Kubernetes documentation, "DNS for Services and Pods"."""

from __future__ import annotations

from collections.abc import Iterable

from kubern.base.json import Obj
from kubern.kubelet.podspec import host_network
from kubern.kubelet.runtime.config import Dns

_MAX_SERVERS = 3
_MAX_SEARCHES = 32


def parse_resolv_conf(text: str) -> Dns:
    """Read a resolv.conf; the last `search` line counts, as it does for the resolver."""
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        word, *rest = line.split("#")[0].split(";")[0].split() or [""]
        if word == "nameserver" and rest:
            servers.append(rest[0])
        elif word == "search":
            searches = tuple(name if name == "." else name.removesuffix(".") for name in rest)
        elif word == "options":
            options = tuple(rest)
    return Dns(tuple(servers), searches, options)


def pod_dns(pod: Obj, node: Dns, cluster_dns: Iterable[str], domain: str) -> Dns:
    """Return what the pod's resolv.conf says. `node` is the node's own."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    servers = tuple(cluster_dns)
    if policy == "None":
        base = Dns()
    elif policy == "Default" or not servers or (policy == "ClusterFirst" and host_network(pod)):
        base = node
    else:
        of_cluster = (f"{pod['metadata']['namespace']}.svc.{domain}", f"svc.{domain}", domain) if domain else ()
        base = Dns(servers, _unique((*of_cluster, *node.searches)), ("ndots:5",))
    return _limited(_extended(base, spec.get("dnsConfig") or {}))


def _extended(base: Dns, extra: Obj) -> Dns:
    options = dict(_option(text) for text in base.options)
    options |= {option["name"]: option.get("value") for option in extra.get("options") or ()}
    return Dns(
        _unique((*base.servers, *(extra.get("nameservers") or ()))),
        _unique((*base.searches, *(extra.get("searches") or ()))),
        tuple(name if value in (None, "") else f"{name}:{value}" for name, value in options.items()),
    )


def _option(text: str) -> tuple[str, str | None]:
    name, colon, value = text.partition(":")
    return name, value if colon else None


def _limited(dns: Dns) -> Dns:
    return Dns(dns.servers[:_MAX_SERVERS], dns.searches[:_MAX_SEARCHES], dns.options)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
