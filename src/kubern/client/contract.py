"""The client's two contracts: `Transport`, which carries one request, and `Client`, what components program against.

There are two transports with one interface: HTTPS with a kubeconfig, and calls into an apiserver in the same process.
Errors are `kubern.base.errors.StatusError`s whichever is used.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, NamedTuple, Protocol

from kubern.base.json import Obj
from kubern.client.request_counts import RequestCounts


class GVR(NamedTuple):
    """A resource as it is addressed: group ("" for core), version, plural."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the request path, e.g. `/apis/apps/v1/namespaces/default/deployments/web/status`."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if namespace:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


class Reply(NamedTuple):
    """A whole answer of the server; statuses of 400 and more are raised as errors instead."""

    status: int
    body: bytes


class Transport(Protocol):
    """Carries requests to one apiserver as one user."""

    counts: RequestCounts

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "",
        accept: str = "",
    ) -> Reply:
        """Send one request (asking for `accept`, or JSON) and return the whole answer. Raises `StatusError` for an error answer,
        `ServiceUnavailable`
        when the server cannot be reached, `Timeout` past the deadline."""
        ...

    def stream(
        self, path: str, *, query: Mapping[str, str] | None = None, accept: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """GET `path` and yield the answer's lines (watch) as they come; ends when the server ends it."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class ListResult(NamedTuple):
    """A list's objects (each with its apiVersion and kind filled in) and the revision it was taken at."""

    items: list[Obj]
    resource_version: str


class WatchEvent(NamedTuple):
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK; an ERROR is raised as the StatusError it carries."""

    type: str
    object: Obj


class Client(Protocol):
    """Typed access to the API for components; objects are plain dicts. All raise `StatusError`s."""

    async def get(self, gvr: GVR, name: str, namespace: str = "", *, subresource: str = "") -> Obj:
        """Return one object. Raises `NotFound`."""
        ...

    async def list(
        self, gvr: GVR, namespace: str = "", *, label_selector: str = "", field_selector: str = "",
        resource_version: str = "", metadata_only: bool = False,
    ) -> ListResult:  # fmt: skip
        """Return all objects of a selection; with `metadata_only` their apiVersion, kind and metadata."""
        ...

    def watch(
        self, gvr: GVR, namespace: str = "", *, resource_version: str = "", label_selector: str = "", field_selector: str = "",
        metadata_only: bool = False,
    ) -> AsyncGenerator[WatchEvent, None]:  # fmt: skip
        """Yield changes from a revision on, until the server ends the watch. Raises `Gone`, `Expired`."""
        ...

    async def create(self, gvr: GVR, obj: Obj, namespace: str = "", *, name: str = "", subresource: str = "") -> Obj:
        """Create an object, or post to a subresource of `name`. Raises `AlreadyExists`, `Invalid`."""
        ...

    async def update(self, gvr: GVR, obj: Obj, *, subresource: str = "") -> Obj:
        """Replace the object (name and namespace from its metadata). Raises `Conflict` when its resourceVersion is not the newest."""
        ...

    async def patch(
        self, gvr: GVR, name: str, patch: Any, namespace: str = "", *, subresource: str = "",
        content_type: str = "application/merge-patch+json",
    ) -> Obj:  # fmt: skip
        """Patch an object. Raises `NotFound`, `Conflict`, `Invalid`."""
        ...

    async def delete(
        self, gvr: GVR, name: str, namespace: str = "", *, grace_period: int | None = None, uid: str = "",
        resource_version: str = "", propagation: str = "",
    ) -> Obj:  # fmt: skip
        """Delete an object, if its uid and resource version are these where given. Raises `NotFound`, `Conflict`."""
        ...

    async def delete_collection(
        self, gvr: GVR, namespace: str = "", *, label_selector: str = "", propagation: str = ""
    ) -> None:
        """Delete every object of a selection."""
        ...

    async def raw(self, path: str, *, accept: str = "") -> Any:
        """GET any path, perhaps with a query, and return its JSON: discovery, version, metrics."""
        ...
