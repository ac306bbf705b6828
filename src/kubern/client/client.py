"""The client that components program against, over either transport. Objects are plain dicts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qsl

import orjson

from kubern.base.errors import from_status
from kubern.base.json import Obj
from kubern.client.contract import GVR, ListResult, Transport, WatchEvent

PAGE = 500
"""Objects a request of a long list asks for."""
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class ApiClient:
    """`Client` over a transport."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def get(self, gvr: GVR, name: str, namespace: str = "", *, subresource: str = "") -> Obj:
        """Return one object. Raises `NotFound`."""
        return await self._send("GET", gvr.path(namespace, name, subresource))

    async def list(
        self,
        gvr: GVR,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        metadata_only: bool = False,
    ) -> ListResult:
        """Return all objects, asked for in pages unless an (older) resource version lets one answer from memory do."""
        query = _selectors(label_selector, field_selector)
        if resource_version:
            query["resourceVersion"] = resource_version
        else:
            query["limit"] = str(PAGE)
        items: list[Obj] = []
        while True:
            page = await self._send("GET", gvr.path(namespace), query, accept=PARTIAL_LIST if metadata_only else "")
            kind, api_version = page["kind"].removesuffix("List"), page["apiVersion"]
            for item in page.get("items") or ():
                item.setdefault("apiVersion", api_version)
                item.setdefault("kind", kind)
                items.append(item)
            token = page["metadata"].get("continue")
            if not token:
                return ListResult(items, page["metadata"].get("resourceVersion", ""))
            query["continue"] = token

    async def watch(
        self,
        gvr: GVR,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield changes from `resource_version` on, bookmarks included, until the server ends the watch. Raises `Gone`, `Expired`."""
        query = _selectors(label_selector, field_selector) | {"watch": "true", "allowWatchBookmarks": "true"}
        if resource_version:
            query["resourceVersion"] = resource_version
        accept = PARTIAL if metadata_only else ""
        async for line in self.transport.stream(gvr.path(namespace), query=query, accept=accept):
            if not line:
                continue
            event = orjson.loads(line)
            if event["type"] == "ERROR":
                raise from_status(event["object"])
            yield WatchEvent(event["type"], event["object"])

    async def create(self, gvr: GVR, obj: Obj, namespace: str = "", *, name: str = "", subresource: str = "") -> Obj:
        """Create an object, or post to a subresource of `name`. Raises `AlreadyExists`, `Invalid`."""
        namespace = namespace or obj.get("metadata", {}).get("namespace", "")
        return await self._send("POST", gvr.path(namespace, name, subresource), body=obj)

    async def update(self, gvr: GVR, obj: Obj, *, subresource: str = "") -> Obj:
        """Replace an object. Raises `Conflict` when its resourceVersion is not the newest, `NotFound`."""
        meta = obj["metadata"]
        return await self._send("PUT", gvr.path(meta.get("namespace", ""), meta["name"], subresource), body=obj)

    async def patch(
        self, gvr: GVR, name: str, patch: Any, namespace: str = "", *, subresource: str = "",
        content_type: str = "application/merge-patch+json",
    ) -> Obj:  # fmt: skip
        """Patch an object. Raises `NotFound`, `Conflict`, `Invalid`."""
        return await self._send("PATCH", gvr.path(namespace, name, subresource), body=patch, content_type=content_type)

    async def delete(
        self, gvr: GVR, name: str, namespace: str = "", *, grace_period: int | None = None, uid: str = "",
        resource_version: str = "", propagation: str = "",
    ) -> Obj:  # fmt: skip
        """Delete an object, if its uid and resource version are these where given. Raises `NotFound`, `Conflict`."""
        options: Obj = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        if propagation:
            options["propagationPolicy"] = propagation
        preconditions = ({"uid": uid} if uid else {}) | (
            {"resourceVersion": resource_version} if resource_version else {}
        )
        if preconditions:
            options["preconditions"] = preconditions
        return await self._send("DELETE", gvr.path(namespace, name), body=options)

    async def delete_collection(
        self, gvr: GVR, namespace: str = "", *, label_selector: str = "", propagation: str = ""
    ) -> None:
        """Delete every object of a selection."""
        options: Obj = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if propagation:
            options["propagationPolicy"] = propagation
        await self._send("DELETE", gvr.path(namespace), _selectors(label_selector, ""), body=options)

    async def raw(self, path: str, *, accept: str = "") -> Any:
        """GET any path, perhaps with a query, and return its JSON: discovery, version, metrics."""
        target, _, query = path.partition("?")
        return await self._send("GET", target, dict(parse_qsl(query)) or None, accept=accept)

    async def _send(
        self, method: str, path: str, query: dict[str, str] | None = None, *, body: Any = None, content_type: str = "",
        accept: str = "",
    ) -> Obj:  # fmt: skip
        encoded = b"" if body is None else orjson.dumps(body)
        reply = await self.transport.request(
            method, path, query=query, body=encoded, content_type=content_type, accept=accept
        )
        answer: Obj = orjson.loads(reply.body)
        return answer

    async def close(self) -> None:
        """Let the transport go."""
        await self.transport.close()


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    return ({"labelSelector": label_selector} if label_selector else {}) | (
        {"fieldSelector": field_selector} if field_selector else {}
    )
