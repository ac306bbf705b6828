"""Which resources the API serves, for the controllers that care for all of them (namespaces, garbage)."""

from __future__ import annotations

from typing import NamedTuple

from kubern.client.contract import GVR, Client

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Served(NamedTuple):
    """A resource in its group's preferred version."""

    gvr: GVR
    kind: str
    namespaced: bool
    verbs: frozenset[str]


class Discovered(NamedTuple):
    """What is served, and the group versions that could not be asked (an aggregated server is away)."""

    resources: tuple[Served, ...]
    stale: tuple[str, ...]


async def discover(client: Client) -> Discovered:
    """Ask for all groups. Raises `StatusError`."""
    resources: dict[tuple[str, str], Served] = {}
    stale: list[str] = []
    for path in ("/api", "/apis"):
        answer = await client.raw(path, accept=_AGGREGATED)
        for group in answer.get("items") or ():
            name = (group.get("metadata") or {}).get("name") or ""
            for version in group.get("versions") or ():
                if version.get("freshness") == "Stale":
                    stale.append(f"{name}/{version['version']}")
                for each in version.get("resources") or ():
                    gvr = GVR(name, version["version"], each["resource"])
                    kind, namespaced = (each.get("responseKind") or {}).get("kind", ""), each["scope"] == "Namespaced"
                    # versions come best first
                    resources.setdefault(
                        (name, gvr.plural), Served(gvr, kind, namespaced, frozenset(each.get("verbs") or ()))
                    )
    return Discovered(tuple(resources.values()), tuple(stale))
