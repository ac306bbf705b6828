"""Service: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource, Subresource

PROXY_VERBS = ("create", "delete", "get", "patch", "update")

RESOURCE = Resource(
    group="",
    version="v1",
    kind="Service",
    plural="services",
    singular="service",
    namespaced=True,
    schema="io.k8s.api.core.v1.Service",
    short_names=("svc",),
    categories=("all",),
    subresources=(
        Subresource("proxy", PROXY_VERBS, "ServiceProxyOptions"),
        STATUS,
    ),
    storage_prefix="services/specs",
)
