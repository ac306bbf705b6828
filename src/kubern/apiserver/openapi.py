"""`/openapi/v2` and `/openapi/v3`: each document is made when it is first asked for, and kept until its resources change.

What always holds: an address with a document's hash never answers with another document, so clients may keep it for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Sequence

import orjson

from kubern.api.openapi import V2_TYPES, OpenAPI
from kubern.api.openapi.operations import group_version_path
from kubern.api.openapi.swagger_protobuf import ANSWERED_AS, MEDIA_TYPE, encode
from kubern.apiserver.aggregation.documents import RemoteDocuments
from kubern.apiserver.aggregation.swagger import joined
from kubern.apiserver.aggregation.swaggers import Part, RemoteSwaggers
from kubern.apiserver.core import Core
from kubern.apiserver.pipeline import Routes
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import NotAcceptable
from kubern.base.version import VERSION
from kubern.http.answers import text_response
from kubern.http.contract import Answer, Request, Response

V3 = "/openapi/v3"


class Documents:
    """The OpenAPI documents of an apiserver."""

    def __init__(self, core: Core) -> None:
        self._made: dict[str, bytes] = {}
        self._core = core
        self._openapi = OpenAPI(core.schemas.definitions, core.resources.values(), str(VERSION["gitVersion"]))
        self._known = frozenset(self._openapi.group_versions())
        self._remote = RemoteDocuments(core.extensions, core.clock)
        self._swaggers = RemoteSwaggers(core.extensions, core.clock)
        self._joined: tuple[str, dict[str, bytes]] = ("", {})
        """The Swagger documents with those of other servers in them, by media type, and the hash that they have."""
        core.follow(self._renew)

    def _renew(self) -> None:
        """Describe the custom resources that are served now, and forget the documents that they are in."""
        custom = [resource for resource in self._core.resources.values() if resource.structural]
        self._openapi.serve(custom)
        stale = {"", MEDIA_TYPE, "index", *(group_version_path(resource) for resource in custom)}
        self._known = frozenset(self._openapi.group_versions())
        self._made = {key: body for key, body in self._made.items() if key not in stale and key in self._known}

    def install(self, routes: Routes) -> None:
        """Serve the documents."""
        routes.add("/openapi/v2", self._v2)
        routes.add(V3, self._index)
        routes.add(f"{V3}/*", self._v3)

    def _v2(self, request: Request, info: RequestInfo) -> Answer | Awaitable[Answer]:
        accepted = [clause.partition(";")[0].strip() for clause in request.headers.get("accept", "*/*").split(",")]
        kind = next((k for k in accepted if k in V2_TYPES), "")
        if not kind and not {"*/*", "application/*", ""} & set(accepted):
            raise NotAcceptable(f"only the following media types are accepted: {', '.join(V2_TYPES)}")
        return self._whole_v2(request, kind) if self._remote.remotes() else self._own_v2(request, kind)

    async def _whole_v2(self, request: Request, kind: str) -> Answer:
        """Answer with our document and those of other servers in one."""
        parts = await self._swaggers.parts()
        if not parts:
            return self._own_v2(request, kind)
        tag = "\n".join([self._openapi.hash(), *(part.hash for part in parts)])
        tag = hashlib.sha512(tag.encode()).hexdigest().upper()
        if self._joined[0] != tag:
            self._joined = (tag, {})
        form = kind if kind == MEDIA_TYPE else ""
        made = self._joined[1]
        if form not in made:
            made[form] = self._join(form, parts)
        return self._swagger_answer(request, made[form], tag, kind)

    def _join(self, form: str, parts: Sequence[Part]) -> bytes:
        own = orjson.loads(self._own_swagger(""))
        whole, added = joined(own, ({"paths": part.paths, "definitions": part.definitions} for part in parts))
        return self._own_swagger(form) + encode(added) if form else orjson.dumps(whole)

    def _own_v2(self, request: Request, kind: str) -> Response:
        form = kind if kind == MEDIA_TYPE else ""
        return self._swagger_answer(request, self._own_swagger(form), self._openapi.hash(), kind)

    def _own_swagger(self, form: str) -> bytes:
        if form not in self._made:
            self._made[form] = self._openapi.swagger_protobuf() if form else self._openapi.swagger()
        return self._made[form]

    def _swagger_answer(self, request: Request, body: bytes, tag: str, kind: str) -> Response:
        if kind == MEDIA_TYPE:
            return self._answer(request, body, f"{tag}-protobuf", ANSWERED_AS)
        return self._answer(request, body, tag, kind or V2_TYPES[0])

    def _index(self, request: Request, info: RequestInfo) -> Answer | Awaitable[Answer]:
        return self._whole_index(request) if self._remote.remotes() else self._own_index(request)

    async def _whole_index(self, request: Request) -> Answer:
        """Answer with our documents and those of other servers."""
        places = await self._remote.places()
        own = self._own_index(request)
        if not places:
            return own
        paths = orjson.loads(self._made["index"])["paths"]
        paths |= {path: {"serverRelativeURL": place} for path, place in places.items()}
        body = orjson.dumps({"paths": dict(sorted(paths.items()))})
        return self._answer(request, body, hashlib.sha512(body).hexdigest().upper())

    def _own_index(self, request: Request) -> Response:
        if "index" not in self._made:
            self._made["index"] = self._openapi.index()
        return self._answer(request, self._made["index"], self._openapi.hash())

    def _v3(self, request: Request, info: RequestInfo) -> Answer | Awaitable[Answer]:
        path = info.path.removeprefix(f"{V3}/").strip("/")
        remote = self._remote.find(path)
        if remote is not None:
            return self._remote.document(remote, request)
        if path not in self._known:
            return text_response(404, "404 page not found\n")
        wanted, current = info.first("hash"), self._openapi.hash(path)
        if wanted and wanted != current:
            return Response(301, (("location", f"{V3}/{path}?hash={current}"),))
        if path not in self._made:
            self._made[path] = self._openapi.document(path)
        return self._answer(request, self._made[path], current, immutable=bool(wanted))

    def _answer(
        self, request: Request, body: bytes, tag: str, kind: str = "application/json", immutable: bool = False
    ) -> Response:
        cached = ("cache-control", "public, immutable, max-age=31536000" if immutable else "no-cache, private")
        headers = (("content-type", kind), ("etag", f'"{tag}"'), ("vary", "Accept"), cached)
        if request.headers.get("if-none-match") == f'"{tag}"':
            return Response(304, headers)
        return Response(200, headers, body, True)
