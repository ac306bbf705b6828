"""A transport that answers from a script. It stands in for the connection to an apiserver, so that a test decides what comes when:
lists, watch lines, ends of watches and errors. It knows nothing of objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, NamedTuple

import orjson

from kubern.base.errors import StatusError
from kubern.client.contract import Reply


class Asked(NamedTuple):
    """One request that was made."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    content_type: str
    accept: str


class Scripted:
    """Answers requests with `answers` in order (an exception is raised), and every watch with the next of `watches`."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[Any] = []
        self.watches: list[list[Any]] = []
        self.watching = asyncio.Event()

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
        self.asked.append(
            Asked(method, path, dict(query or {}), orjson.loads(body) if body else None, content_type, accept)
        )
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(200, orjson.dumps(answer))

    async def stream(
        self, path: str, *, query: Mapping[str, str] | None = None, accept: str = ""
    ) -> AsyncGenerator[bytes, None]:
        self.asked.append(Asked("WATCH", path, dict(query or {}), None, "", accept))
        lines = self.watches.pop(0) if self.watches else [None]
        for line in lines:
            if line is None:
                self.watching.set()
                await asyncio.Event().wait()
            elif isinstance(line, StatusError):
                raise line
            else:
                yield orjson.dumps({"type": line[0], "object": line[1]})

    async def close(self) -> None:
        """Nothing is held."""


def config_map(name: str, version: int, **data: str) -> dict[str, Any]:
    """A ConfigMap as a server would send it in a list."""
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": str(version)},
        "data": data,
    }


def listed(version: int, *items: dict[str, Any], token: str = "") -> dict[str, Any]:
    """A ConfigMapList."""
    meta = {"resourceVersion": str(version)} | ({"continue": token} if token else {})
    return {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": meta, "items": list(items)}
