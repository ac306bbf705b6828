"""Paths and methods mean what upstream's RequestInfo says."""

from __future__ import annotations

import pytest

from kubern.apiserver.request_info import parse_request


@pytest.mark.parametrize(
    ("method", "path", "query", "wanted"),
    [
        ("GET", "/api/v1/pods", "", ("list", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/pods", "watch=true", ("watch", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/pods", "watch=0", ("list", "", "v1", "", "pods", "", "")),
        ("GET", "/api/v1/watch/pods", "", ("watch", "", "v1", "", "pods", "", "")),
        ("HEAD", "/api/v1/namespaces/a/pods/x", "", ("get", "", "v1", "a", "pods", "x", "")),
        ("GET", "/api/v1/namespaces/a/pods/x/log", "", ("get", "", "v1", "a", "pods", "x", "log")),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", "", ("create", "apps", "v1", "a", "deployments", "", "")),
        (
            "PUT",
            "/apis/apps/v1/namespaces/a/deployments/d/scale",
            "",
            ("update", "apps", "v1", "a", "deployments", "d", "scale"),
        ),
        ("PATCH", "/api/v1/nodes/n", "", ("patch", "", "v1", "", "nodes", "n", "")),
        ("DELETE", "/api/v1/nodes/n", "", ("delete", "", "v1", "", "nodes", "n", "")),
        ("DELETE", "/api/v1/nodes", "", ("deletecollection", "", "v1", "", "nodes", "", "")),
        ("GET", "/api/v1/namespaces", "", ("list", "", "v1", "", "namespaces", "", "")),
        ("GET", "/api/v1/namespaces/a", "", ("get", "", "v1", "a", "namespaces", "a", "")),
        ("PUT", "/api/v1/namespaces/a/finalize", "", ("update", "", "v1", "a", "namespaces", "a", "finalize")),
    ],
)
def test_resource_paths(method: str, path: str, query: str, wanted: tuple[str, ...]) -> None:
    info = parse_request(method, path, query)
    assert info.is_resource
    assert (info.verb, info.group, info.version, info.namespace, info.resource, info.name, info.subresource) == wanted


@pytest.mark.parametrize(
    "path", ["/", "/version", "/healthz", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/openapi/v2"]
)
def test_other_paths_are_no_resources(path: str) -> None:
    info = parse_request("GET", path, "")
    assert (info.is_resource, info.verb, info.path) == (False, "get", path)


def test_what_is_below_a_subresource_is_kept() -> None:
    info = parse_request("GET", "/api/v1/namespaces/a/services/s/proxy/one/two", "")
    assert (info.subresource, info.rest) == ("proxy", ("one", "two"))
