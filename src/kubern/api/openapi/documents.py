"""The documents of `/openapi/v3` and `/openapi/v2`, as bytes.

The apiserver makes one `OpenAPI` of what it serves, asks for a document when a client does, and keeps the bytes. What always
holds: equal resources give equal bytes and equal hashes, and a hash is known without its document being made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import orjson

from kubern.api.openapi.custom import LIST_META, OBJECT_META, definitions_v2, definitions_v3
from kubern.api.openapi.operations import Operation, group_version_path, operations, tag
from kubern.api.openapi.parameters import PARAMETERS
from kubern.api.openapi.schemas import closure, schema_v2, schema_v3
from kubern.api.openapi.swagger_protobuf import MEDIA_TYPE, encode
from kubern.api.resource import Resource
from kubern.api.schema.definitions import Definitions
from kubern.base.json import Obj

SHAPE = "1"
"""Counted up whenever the documents change while the resources do not, so that clients fetch them anew."""

V2_TYPES = ("application/json", "application/com.github.proto-openapi.spec.v2@v1.0+json", MEDIA_TYPE)
"""The media types in which `/openapi/v2` is served; the last one is protobuf."""

_JSON = ["application/json", "application/yaml"]
_PATCHES = [
    "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
]  # fmt: skip
_SECURITY = {
    "BearerToken": {
        "type": "apiKey",
        "description": "Bearer Token authentication",
        "name": "authorization",
        "in": "header",
    }
}

_Render = Callable[[Operation], Obj]
_Part = tuple[bytes, bytes]
"""The inside of a document's paths and of its definitions."""


class OpenAPI:
    """The OpenAPI documents of a set of resources; `version` is the server's, `v1.36.0`."""

    def __init__(self, definitions: Definitions, resources: Iterable[Resource], version: str) -> None:
        self._definitions = definitions
        self._version = version
        self._built_in = _grouped(resources)
        self._groups = self._built_in
        self._custom: list[Resource] = []
        self._swagger_of_built_in: _Part | None = None
        self._protobuf_of_built_in: bytes | None = None

    def serve(self, custom: Iterable[Resource]) -> None:
        """Describe these custom resources, in place of those before, besides the built-in ones."""
        self._custom = list(custom)
        self._groups = self._built_in | _grouped(self._custom)

    def group_versions(self) -> list[str]:
        """Return the paths below `/openapi/v3/`, such as `api/v1` and `apis/apps/v1`."""
        return sorted(self._groups)

    def hash(self, group_version: str = "") -> str:
        """Return what changes whenever a document does (the whole's for an empty path). Raises `KeyError`."""
        chosen = [group_version] if group_version else self.group_versions()
        facts = [_facts(r) for gv in chosen for r in self._groups[gv]]
        text = "\n".join([SHAPE, self._version, *facts])
        return hashlib.sha512(text.encode()).hexdigest().upper()

    def index(self) -> bytes:
        """Return `/openapi/v3`: where each group and version's document is, under an address that changes with it."""
        paths = {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={self.hash(path)}"} for path in self.group_versions()
        }
        return orjson.dumps({"paths": paths})

    def document(self, group_version: str) -> bytes:
        """Return the OpenAPI 3 document of `apis/apps/v1`. Raises `KeyError` for a group and version that is not served."""
        resources = self._groups[group_version]
        found = _operations(resources, self._definitions)
        custom = {name: one for r in resources if r.structural for name, one in definitions_v3(r).items()}
        names = self._closure(found, custom)
        return orjson.dumps(
            {
                "openapi": "3.0.0",
                "info": {"title": "Kubernetes", "version": self._version},
                "paths": _paths(found, tag(resources[0]), _v3_operation, inline=True),
                "components": {
                    "schemas": {name: schema_v3(name, self._definitions[name]) for name in names} | custom,
                    "securitySchemes": _SECURITY,
                },
            }
        )

    def swagger(self) -> bytes:
        """Return the Swagger 2 document of everything; the built-in part of it is made once."""
        return self._whole(self._parts())

    def _whole(self, parts: Sequence[_Part]) -> bytes:
        rest = {
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": self._version},
            "parameters": {name: _v2_parameter(parameter) for name, parameter in PARAMETERS.items()},
            "securityDefinitions": _SECURITY,
            "security": [{"BearerToken": []}],
        }
        paths, definitions = (b",".join(part[i] for part in parts if part[i]) for i in (0, 1))
        return b'{"paths":{%b},"definitions":{%b},%b' % (paths, definitions, orjson.dumps(rest)[1:])

    def swagger_protobuf(self) -> bytes:
        """Return the same in protobuf, where a message may be written in parts."""
        built_in, custom = self._parts()
        if self._protobuf_of_built_in is None:
            self._protobuf_of_built_in = encode(orjson.loads(self._whole([built_in])))
        return self._protobuf_of_built_in + (encode(orjson.loads(self._whole([custom]))) if self._custom else b"")

    def _parts(self) -> list[_Part]:
        if self._swagger_of_built_in is None:
            self._swagger_of_built_in = self._part(self._built_in)
        return [self._swagger_of_built_in, self._part(_grouped(self._custom))]

    def _part(self, groups: Mapping[str, list[Resource]]) -> _Part:
        paths: Obj = {}
        custom: dict[str, Obj] = {}
        operations: list[Operation] = []
        for group_version in sorted(groups):
            resources = groups[group_version]
            found = _operations(resources, self._definitions)
            operations += found
            paths |= _paths(found, tag(resources[0]), _v2_operation, inline=False)
            custom |= {name: one for r in resources if r.structural for name, one in definitions_v2(r).items()}
        names = () if custom else self._closure(operations, custom)
        definitions = {name: schema_v2(name, self._definitions[name]) for name in names} | custom
        return orjson.dumps(paths)[1:-1], orjson.dumps(definitions)[1:-1]

    def _closure(self, found: Iterable[Operation], custom: Iterable[str]) -> list[str]:
        """Return the published definitions that operations lead to; those of custom resources lead to metadata alone."""
        known = set(custom)
        named = _named(found) - known
        return closure(named | {OBJECT_META, LIST_META} if known else named, self._definitions)


def _grouped(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    groups: dict[str, list[Resource]] = {}
    for resource in resources:
        groups.setdefault(group_version_path(resource), []).append(resource)
    return groups


def _facts(resource: Resource) -> str:
    own = orjson.dumps(resource.structural.schema).decode() if resource.structural else ""
    return repr((resource.schema, resource.plural, resource.namespaced, resource.verbs, resource.subresources)) + own


def _operations(resources: Sequence[Resource], definitions: Definitions) -> list[Operation]:
    return [
        operation._replace(strategic=resource.structural is None)
        for resource in resources
        for operation in operations(resource, definitions)
    ]


def _named(found: Iterable[Operation]) -> set[str]:
    return {name for operation in found for name in (operation.body, operation.answer) if name}


def _paths(found: Iterable[Operation], tag: str, render: _Render, inline: bool) -> Obj:
    paths: Obj = {}
    for operation in found:
        item = paths.setdefault(operation.path, {"parameters": _path_parameters(operation.path, inline)})
        item[operation.method] = render(operation) | {
            "tags": [tag],
            "operationId": operation.id,
            "x-kubernetes-action": operation.action,
            "x-kubernetes-group-version-kind": dict(zip(("group", "version", "kind"), operation.kind, strict=True)),
        }
    return paths


def _path_parameters(path: str, inline: bool) -> list[Obj]:
    names = [name for name in ("name", "namespace") if f"{{{name}}}" in path]
    return [_parameter(name, inline) for name in [*names, "pretty"]]


def _parameter(name: str, inline: bool) -> Obj:
    return PARAMETERS[name] if inline else {"$ref": f"#/parameters/{name}"}


def _v2_parameter(parameter: Obj) -> Obj:
    flat = {key: value for key, value in parameter.items() if key != "schema"}
    flat |= parameter["schema"]
    return flat


def _codes(operation: Operation) -> list[tuple[str, str]]:
    """Return the status codes of success with their descriptions."""
    codes = [("200", "OK")]
    if operation.action in ("post", "put", "patch"):
        codes.append(("201", "Created"))
    if operation.action in ("post", "delete"):
        codes.append(("202", "Accepted"))
    return codes


def _patches(operation: Operation) -> list[str]:
    return _PATCHES if operation.strategic else [kind for kind in _PATCHES if "strategic" not in kind]


def _v3_operation(operation: Operation) -> Obj:
    types = _JSON if operation.answer else ["*/*"]
    schema = {"$ref": f"#/components/schemas/{operation.answer}"} if operation.answer else {"type": "string"}
    content = {kind: {"schema": schema} for kind in types}
    rendered: Obj = {
        "description": _description(operation),
        "parameters": [PARAMETERS[name] for name in operation.parameters],
        "responses": {code: {"description": text, "content": content} for code, text in _codes(operation)}
        | {"401": {"description": "Unauthorized"}},
    }
    if operation.body:
        body = {"schema": {"$ref": f"#/components/schemas/{operation.body}"}}
        kinds = _patches(operation) if operation.action == "patch" else ["*/*"]
        rendered["requestBody"] = {"content": dict.fromkeys(kinds, body)}
        if operation.action in ("post", "put", "patch"):
            rendered["requestBody"]["required"] = True
    return rendered


def _v2_operation(operation: Operation) -> Obj:
    schema = {"$ref": f"#/definitions/{operation.answer}"} if operation.answer else {"type": "string"}
    arguments: list[Obj] = [_parameter(name, inline=False) for name in operation.parameters]
    if operation.body:
        required = {"required": True} if operation.action in ("post", "put", "patch") else {}
        body = {"name": "body", "in": "body", "schema": {"$ref": f"#/definitions/{operation.body}"}}
        arguments.insert(0, body | required)
    return {
        "description": _description(operation),
        "consumes": _patches(operation) if operation.action == "patch" else ["*/*"],
        "produces": _JSON if operation.answer else ["*/*"],
        "schemes": ["https"],
        "parameters": arguments,
        "responses": {code: {"description": text, "schema": schema} for code, text in _codes(operation)}
        | {"401": {"description": "Unauthorized"}},
    }


_VERBS = {
    "list": "list or watch objects of kind", "post": "create a", "get": "read the specified", "put": "replace the specified",
    "patch": "partially update the specified", "delete": "delete a", "deletecollection": "delete collection of",
}  # fmt: skip


def _description(operation: Operation) -> str:
    kind = operation.kind[2]
    last = operation.path.rpartition("/")[2]
    if operation.action == "connect":
        return f"connect {operation.method.upper()} requests to {last} of {kind}"
    above = operation.path.split("/")[-2]
    about = f"{last} of the specified " if above == "{name}" and operation.action in ("get", "put", "patch") else ""
    verb = _VERBS[operation.action]
    return f"{verb.removesuffix(' specified') if about else verb} {about}{kind}"
