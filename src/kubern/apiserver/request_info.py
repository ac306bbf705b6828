"""What a path and a method mean: upstream's RequestInfo.

Called once a request by the pipeline; read by authorization, routing and the verbs. What always holds: a path that is not
below `/api` or `/apis/<group>/<version>` is a non-resource request whose verb is the method in lower case.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs

Query = dict[str, list[str]]

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES = frozenset(("status", "finalize"))


def is_true(text: str) -> bool:
    """Return what a boolean query parameter means: everything but `0` and `false` is true."""
    return text != "0" and text.lower() != "false"


class RequestInfo(NamedTuple):
    """A request's meaning. For non-resource requests only `verb` and `path` are filled in."""

    is_resource: bool
    verb: str
    path: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    rest: tuple[str, ...] = ()
    """The path's segments below the subresource, as the proxy subresource takes them."""
    query: Query = {}

    def first(self, key: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        values = self.query.get(key)
        return values[0] if values else default

    def flag(self, key: str) -> bool:
        """Return whether a boolean query parameter is given and true."""
        values = self.query.get(key)
        return is_true(values[0]) if values else False


def parse_request(method: str, path: str, raw_query: str) -> RequestInfo:
    """Return what `method path?raw_query` asks for. Never fails: an unknown path is a non-resource request."""
    query: Query = parse_qs(raw_query, keep_blank_values=True) if raw_query else {}
    parts = path.strip("/").split("/")
    group, version, rest = _split_group(parts)
    if not rest:
        return RequestInfo(False, method.lower(), path, query=query)
    verb = _VERBS.get(method, "")
    if rest[0] == "watch" and len(rest) > 1:
        rest, verb = rest[1:], "watch"
    namespace, rest = _split_namespace(rest)
    resource = rest[0]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    verb = _refine(verb, name, query)
    if not name and "fieldSelector" in query:
        name = _selected_name(query["fieldSelector"][0])
    return RequestInfo(
        True, verb, path, group, version, namespace, resource, name, subresource, tuple(rest[3:]), query
    )  # fmt: skip


def _split_group(parts: list[str]) -> tuple[str, str, list[str]]:
    """Split off group and version; the remainder is empty for what addresses no resource."""
    if parts[0] == "api" and len(parts) > 2:
        return "", parts[1], parts[2:]
    if parts[0] == "apis" and len(parts) > 3:
        return parts[1], parts[2], parts[3:]
    return "", "", []


def _split_namespace(rest: list[str]) -> tuple[str, list[str]]:
    """Split off `namespaces/<name>` unless the namespace itself is what is addressed."""
    if rest[0] != "namespaces" or len(rest) < 2:
        return "", rest
    if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
        return rest[1], rest[2:]
    return rest[1], rest


def _refine(verb: str, name: str, query: Query) -> str:
    """Tell list, watch and deletecollection from get and delete."""
    if name:
        return verb
    if verb == "get":
        watch = query.get("watch")
        return "watch" if watch and is_true(watch[0]) else "list"
    return "deletecollection" if verb == "delete" else verb


def _selected_name(selector: str) -> str:
    """Return the name that a field selector asks for: a watch of one object is authorized as that object's."""
    for term in selector.split(","):
        key, _, value = term.partition("=")
        if key == "metadata.name":
            return value.removeprefix("=")
    return ""
