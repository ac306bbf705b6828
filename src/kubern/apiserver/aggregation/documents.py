"""The OpenAPI 3 documents of other servers: their places in our index, and the documents themselves, asked for when a client does."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from kubern.apiserver.aggregation.availability import TIMEOUT
from kubern.apiserver.aggregation.extensions import FAILURES, Extensions
from kubern.apiserver.aggregation.remote import Remote
from kubern.base.clock import Clock
from kubern.http.answers import text_response
from kubern.http.contract import Request, Response

INDEX = "/openapi/v3"
KEPT = 30.0
"""Seconds that a server's index is taken as it was."""


class RemoteDocuments:
    """What the servers that are available say at `/openapi/v3`."""

    def __init__(self, extensions: Extensions, clock: Clock) -> None:
        self._extensions = extensions
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, str]] = {}

    def remotes(self) -> list[Remote]:
        """Return the group versions whose servers can be asked."""
        return [remote for remote in self._extensions.remotes.values() if remote.available]

    def find(self, path: str) -> Remote | None:
        """Return who answers for the document of `apis/GROUP/VERSION`, or None."""
        return next((remote for remote in self.remotes() if remote.path == path), None)

    async def places(self) -> dict[str, str]:
        """Return the address of each document by its path; servers without any are left out."""
        remotes = self.remotes()
        found = await asyncio.gather(*(self._place(remote) for remote in remotes))
        return {remote.path: url for remote, url in zip(remotes, found, strict=True) if url}

    async def _place(self, remote: Remote) -> str:
        now = self._clock.monotonic()
        held = self._known.get(remote.key)
        if held is None or held[0] < now:
            held = self._known[remote.key] = (now + KEPT, await self._asked(remote))
        return held[1]

    async def _asked(self, remote: Remote) -> str:
        try:
            async with asyncio.timeout(TIMEOUT):
                said = await self._extensions.ask(remote, INDEX, "application/json")
            document: Any = orjson.loads(said.body) if said.status == 200 else {}
            place = document["paths"][remote.path]["serverRelativeURL"]
        except (*FAILURES, orjson.JSONDecodeError, KeyError, TypeError):
            return ""
        # only a place below our own index can be asked for here
        return place if isinstance(place, str) and place.startswith(f"{INDEX}/{remote.path}") else ""

    async def document(self, remote: Remote, request: Request) -> Response:
        """Return a document as its server has it."""
        target = f"{INDEX}/{remote.path}" + (f"?{request.query}" if request.query else "")
        try:
            async with asyncio.timeout(TIMEOUT):
                said = await self._extensions.ask(remote, target, request.headers.get("accept", "application/json"))
        except FAILURES:
            return text_response(503, "service unavailable\n")
        kept = tuple((n, said.headers[n]) for n in ("content-type", "etag", "location") if n in said.headers)
        return Response(said.status, kept, said.body, True)
