"""Discovery: which groups, versions, resources and verbs there are; the legacy documents and the aggregated ones.

What always holds: a document is made when it is first asked for, and anew after the resources have changed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from kubern.api.resource import Resource, Subresource
from kubern.apiserver.answers import object_response
from kubern.apiserver.core import Core
from kubern.apiserver.pipeline import Routes
from kubern.apiserver.request_info import RequestInfo
from kubern.base.json import Obj
from kubern.http.contract import Answer, Request, Response

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
NO_HASH = frozenset(("bindings", "componentstatuses"))


class Discovery:
    """The discovery documents of an apiserver."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._groups = core.group_versions()
        self._roots: dict[str, _Root] = {}
        self._documents: dict[str, Obj] = {}
        self._offered: set[str] = set()

    def install(self, routes: Routes) -> None:
        """Serve `/api`, `/apis` and everything between them and the resources, of what is served now and what will be."""
        routes.add("/api", self._root)
        routes.add("/apis", self._root)
        self._offer(routes)
        self._core.follow(lambda: self._renew(routes))

    def _renew(self, routes: Routes) -> None:
        """Forget the documents; offer the groups and versions that have come, and no longer those that have gone."""
        self._groups = self._core.group_versions()
        self._roots.pop("/apis", None)
        self._documents.clear()
        self._offer(routes)

    def _offer(self, routes: Routes) -> None:
        paths = {path for group, versions in self._groups.items() for path in _paths(group, versions)}
        for path in sorted(paths - self._offered):
            routes.add(path, self._document)
        for path in self._offered - paths:
            routes.remove(path)
        self._offered = paths

    def _root(self, request: Request, info: RequestInfo) -> Answer:
        path = info.path.rstrip("/")
        if path not in self._roots:
            chosen = {group: found for group, found in self._groups.items() if bool(group) == (path == "/apis")}
            legacy = self._legacy_groups(chosen) if path == "/apis" else self._legacy_core()
            self._roots[path] = _Root(legacy, self._aggregated(chosen))
        return self._roots[path].serve(request, info)

    def _document(self, request: Request, info: RequestInfo) -> Answer:
        path = info.path.strip("/")
        if path not in self._documents:
            self._documents[path] = self._make(*path.split("/"))
        return object_response(200, self._documents[path])

    def _make(self, root: str, name: str, version: str = "") -> Obj:
        """Return the document at `/api/<version>`, `/apis/<group>` or `/apis/<group>/<version>`."""
        if root == "api":
            return self._resources("", name)
        if version:
            return self._resources(name, version)
        return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, self._groups[name])

    def _legacy_core(self) -> Obj:
        address = f"{self._core.config.advertise_address}:{self._core.config.secure_port}"
        return {
            "kind": "APIVersions",
            "versions": self._groups.get("", []),
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
        }

    def _legacy_groups(self, groups: dict[str, list[str]]) -> Obj:
        listed = [_group(group, versions) for group, versions in groups.items()]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}

    def _of(self, group: str, version: str) -> list[Resource]:
        found = [r for (g, v, _), r in self._core.resources.items() if (g, v) == (group, version)]
        return sorted(found, key=lambda resource: resource.plural)

    def _resources(self, group: str, version: str) -> Obj:
        listed: list[Obj] = []
        for resource in self._of(group, version):
            listed.append(_resource(resource, self._hash(resource)))
            listed += [_subresource(resource, sub) for sub in resource.subresources]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{group}/{version}" if group else version,
            "resources": sorted(listed, key=lambda item: str(item["name"])),
        } if group else {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": sorted(listed, key=lambda item: str(item["name"])),
        }  # fmt: skip

    def _hash(self, resource: Resource) -> str:
        if not resource.stored or resource.plural in NO_HASH:
            return ""
        stored = self._core.storage(resource).resource
        return storage_version_hash(stored.group, stored.version, stored.kind)

    def _aggregated(self, groups: dict[str, list[str]]) -> Obj:
        items = []
        for group, versions in groups.items():
            described: list[Obj] = []
            for version in versions:
                described.append({"version": version} | self._described(group, version))
            metadata: Obj = {"name": group} if group else {}
            items.append({"metadata": metadata, "versions": described})
        return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}

    def _described(self, group: str, version: str) -> Obj:
        """Return what there is of a version, as its server said last when that is another one."""
        extensions = self._core.extensions
        if (group, version) in extensions.remotes:
            told = extensions.resources.get((group, version))
            return {"resources": told, "freshness": "Current"} if told is not None else {"freshness": "Stale"}
        found = [_aggregated_resource(resource) for resource in self._of(group, version)]
        return {"resources": found, "freshness": "Current"}


class _Root:
    """Answers `/api` or `/apis`: the legacy document, or the aggregated one to who accepts it, with an ETag."""

    def __init__(self, legacy: Obj, aggregated: Obj) -> None:
        self._legacy = legacy
        self._bodies = {
            version: orjson.dumps(aggregated | {"apiVersion": f"apidiscovery.k8s.io/{version}"})
            for version in ("v2", "v2beta1")
        }
        self._tags = {version: hashlib.sha256(body).hexdigest().upper() for version, body in self._bodies.items()}

    def serve(self, request: Request, info: RequestInfo) -> Answer:
        version = _accepted_version(request.headers.get("accept", ""))
        if not version:
            return object_response(200, self._legacy)
        tag = f'"{self._tags[version]}"'
        headers = (
            ("content-type", AGGREGATED.format(version)),
            ("etag", tag),
            ("vary", "Accept"),
            ("cache-control", "public"),
        )
        if request.headers.get("if-none-match") == tag:
            return Response(304, headers)
        return Response(200, headers, self._bodies[version], True)


def _accepted_version(accept: str) -> str:
    """Return the version of the aggregated document that comes first among what is accepted; empty for the legacy one."""
    for clause in accept.split(","):
        parts = [part.strip() for part in clause.split(";")]
        parameters = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
        if parameters.get("as") == "APIGroupDiscoveryList" and parts[0] == "application/json":
            version = parameters.get("v", "")
            if version in ("v2", "v2beta1"):
                return version
        elif parts[0] in ("application/json", "*/*") and "as" not in parameters:
            return ""
    return ""


def _paths(group: str, versions: Sequence[str]) -> list[str]:
    root = f"/apis/{group}" if group else "/api"
    return [*([root] if group else ()), *(f"{root}/{version}" for version in versions)]


def _group(group: str, versions: Sequence[str]) -> Obj:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _resource(resource: Resource, version_hash: str) -> Obj:
    described: Obj = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": sorted(resource.verbs),
    }
    if resource.short_names:
        described["shortNames"] = list(resource.short_names)
    if resource.categories:
        described["categories"] = list(resource.categories)
    if version_hash:
        described["storageVersionHash"] = version_hash
    return described


def _subresource(resource: Resource, sub: Subresource) -> Obj:
    described: Obj = {
        "name": f"{resource.plural}/{sub.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": sub.kind or resource.kind,
        "verbs": sorted(sub.verbs),
    }
    if sub.version:
        described |= {"group": sub.group, "version": sub.version}
    return described


def _aggregated_resource(resource: Resource) -> Obj:
    described: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": {"group": "", "version": "", "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": sorted(resource.verbs),
    }
    if resource.short_names:
        described["shortNames"] = list(resource.short_names)
    if resource.categories:
        described["categories"] = list(resource.categories)
    if resource.subresources:
        described["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": {"group": sub.group, "version": sub.version, "kind": sub.kind or resource.kind},
                "verbs": sorted(sub.verbs),
            }
            for sub in sorted(resource.subresources, key=lambda sub: sub.name)
        ]
    return described


def storage_version_hash(group: str, version: str, kind: str) -> str:
    """Return upstream's hash of a storage version: the first eight bytes of a SHA-256, in base64."""
    return base64.b64encode(hashlib.sha256(f"{group}/{version}/{kind}".encode()).digest()[:8]).decode()
