"""Which operations the API has: derived from the resources' declarations, in no OpenAPI version yet.

Used by the documents. What always holds: an operation's id is upstream's, which is where generated clients take their names
from (`listCoreV1NamespacedPod`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kubern.api.openapi import parameters
from kubern.api.resource import Resource, Subresource
from kubern.api.schema.definitions import Definitions

META = "io.k8s.apimachinery.pkg.apis.meta.v1."
CONNECTABLE = ("attach", "exec", "portforward", "proxy")


class Operation(NamedTuple):
    """One method on one path. `body` and `answer` name definitions; an empty `answer` is text."""

    path: str
    method: str
    id: str
    action: str
    kind: tuple[str, str, str]
    parameters: tuple[str, ...] = ()
    body: str = ""
    answer: str = ""
    strategic: bool = True
    """Whether a patch may be a strategic merge patch, which custom resources do not have."""


def group_version_path(resource: Resource) -> str:
    """Return `api/v1` or `apis/apps/v1`."""
    return f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"


def tag(resource: Resource) -> str:
    """Return upstream's tag of a group and version: `core_v1`, `rbacAuthorization_v1`."""
    name = _group_id(resource)
    return f"{name[:1].lower()}{name[1:]}_{resource.version}"


def _group_id(resource: Resource) -> str:
    parts = resource.group.removesuffix(".k8s.io").split(".")
    return "".join(part[:1].upper() + part[1:] for part in parts) if resource.group else "Core"


def operations(resource: Resource, definitions: Definitions) -> Iterator[Operation]:
    """Yield every operation on a resource and its subresources."""
    root = f"/{group_version_path(resource)}"
    scoped = "Namespaced" if resource.namespaced else ""
    collection = (
        f"{root}/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else f"{root}/{resource.plural}"
    )
    base = f"{_group_id(resource)}{resource.version[:1].upper()}{resource.version[1:]}"
    noun = f"{scoped}{resource.kind}"
    yield from _collection(resource, collection, base, noun)
    if resource.namespaced and "list" in resource.verbs:
        yield _list(resource, f"{root}/{resource.plural}", f"list{base}{resource.kind}ForAllNamespaces")
    yield from _item(resource, f"{collection}/{{name}}", base, noun)
    for sub in resource.subresources:
        yield from _subresource(resource, sub, f"{collection}/{{name}}/{sub.name}", f"{base}|{noun}", definitions)


def _kind(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.kind


def _list(resource: Resource, path: str, id: str) -> Operation:
    return Operation(path, "get", id, "list", _kind(resource), parameters.LIST, "", f"{resource.schema}List")


def _collection(resource: Resource, path: str, base: str, noun: str) -> Iterator[Operation]:
    kind, schema = _kind(resource), resource.schema
    if "list" in resource.verbs:
        yield _list(resource, path, f"list{base}{noun}")
    if "create" in resource.verbs:
        yield Operation(path, "post", f"create{base}{noun}", "post", kind, parameters.WRITE, schema, schema)
    if "deletecollection" in resource.verbs:
        yield Operation(
            path, "delete", f"delete{base}Collection{noun}", "deletecollection", kind, parameters.DELETE_COLLECTION,
            META + "DeleteOptions", META + "Status",
        )  # fmt: skip


def _item(resource: Resource, path: str, base: str, noun: str) -> Iterator[Operation]:
    kind, schema = _kind(resource), resource.schema
    if "get" in resource.verbs:
        yield Operation(path, "get", f"read{base}{noun}", "get", kind, (), "", schema)
    if "update" in resource.verbs:
        yield Operation(path, "put", f"replace{base}{noun}", "put", kind, parameters.WRITE, schema, schema)
    if "patch" in resource.verbs:
        yield Operation(path, "patch", f"patch{base}{noun}", "patch", kind, parameters.PATCH, META + "Patch", schema)
    if "delete" in resource.verbs:
        yield Operation(
            path, "delete", f"delete{base}{noun}", "delete", kind, parameters.DELETE, META + "DeleteOptions", META + "Status"
        )  # fmt: skip


def _subresource(
    resource: Resource, sub: Subresource, path: str, names: str, definitions: Definitions
) -> Iterator[Operation]:
    base, noun = names.split("|")
    if sub.name in CONNECTABLE:
        yield from _connections(resource, sub, path, base, noun)
        return
    group, version = (sub.group or resource.group, sub.version or resource.version)
    kind = (group, version, sub.kind or resource.kind)
    schema = definitions.by_kind[kind] if sub.kind else resource.schema
    suffix = f"{noun}{sub.name[:1].upper()}{sub.name[1:]}"
    if sub.name == "log":
        yield Operation(path, "get", f"read{base}{suffix}", "get", kind, parameters.CONNECT["log"])
        return
    if "get" in sub.verbs:
        yield Operation(path, "get", f"read{base}{suffix}", "get", kind, (), "", schema)
    if "create" in sub.verbs:
        yield Operation(path, "post", f"create{base}{suffix}", "post", kind, parameters.WRITE, schema, schema)
    if "update" in sub.verbs:
        yield Operation(path, "put", f"replace{base}{suffix}", "put", kind, parameters.WRITE, schema, schema)
    if "patch" in sub.verbs:
        yield Operation(path, "patch", f"patch{base}{suffix}", "patch", kind, parameters.PATCH, META + "Patch", schema)


_METHODS = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}


def _connections(resource: Resource, sub: Subresource, path: str, base: str, noun: str) -> Iterator[Operation]:
    kind = (resource.group, resource.version, sub.kind or resource.kind)
    for verb in sub.verbs:
        method = _METHODS[verb]
        id = f"connect{base}{method.capitalize()}{noun}{sub.name[:1].upper()}{sub.name[1:]}"
        yield Operation(path, method, id, "connect", kind, parameters.CONNECT[sub.name])
