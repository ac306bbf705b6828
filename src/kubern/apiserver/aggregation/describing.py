"""What a server says of its resources, in the form of aggregated discovery: asked for as such, or made from the older document."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from kubern.apiserver.aggregation.availability import TIMEOUT
from kubern.apiserver.aggregation.extensions import FAILURES, Extensions
from kubern.apiserver.aggregation.remote import Remote
from kubern.base.json import Obj

_ACCEPT = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)


async def resources_of(extensions: Extensions, remote: Remote) -> list[Obj] | None:
    """Return the resources of a group version; None when the server does not tell."""
    try:
        async with asyncio.timeout(TIMEOUT):
            said = await extensions.ask(remote, "/apis", _ACCEPT)
            found = _aggregated(_parsed(said.body), remote) if said.status == 200 else None
            if found is None:
                said = await extensions.ask(remote, f"/{remote.path}", "application/json")
                found = from_resource_list(_parsed(said.body), remote) if said.status == 200 else None
    except FAILURES:
        return None
    return found


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ConnectionError(f"not JSON: {error}") from error


def _aggregated(document: Any, remote: Remote) -> list[Obj] | None:
    if not isinstance(document, dict) or document.get("kind") != "APIGroupDiscoveryList":
        return None
    for group in document.get("items") or ():
        if (group.get("metadata") or {}).get("name") == remote.group:
            for version in group.get("versions") or ():
                if version.get("version") == remote.version:
                    return list(version.get("resources") or ())
    return None


def from_resource_list(document: Any, remote: Remote) -> list[Obj] | None:
    """Return what an APIResourceList says, in the newer form; None for a document of another kind."""
    if not isinstance(document, dict) or not isinstance(document.get("resources"), list):
        return None
    found: dict[str, Obj] = {}
    listed = sorted((r for r in document["resources"] if isinstance(r, dict)), key=lambda r: str(r.get("name")))
    for resource in listed:
        name, _, sub = str(resource.get("name") or "").partition("/")
        kind = {
            "group": resource.get("group") or remote.group,
            "version": resource.get("version") or remote.version,
            "kind": resource.get("kind") or "",
        }
        verbs = resource.get("verbs") or []
        if not sub:
            found[name] = {
                "resource": name,
                "responseKind": kind,
                "scope": "Namespaced" if resource.get("namespaced") else "Cluster",
                "singularResource": resource.get("singularName") or "",
                "verbs": verbs,
            } | {key: resource[key] for key in ("shortNames", "categories") if resource.get(key)}
        elif name in found:
            one = {"subresource": sub, "responseKind": kind, "verbs": verbs}
            found[name].setdefault("subresources", []).append(one)
    return list(found.values())
