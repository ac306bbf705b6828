"""Node: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource, Subresource

PROXY_VERBS = ("create", "delete", "get", "patch", "update")

RESOURCE = Resource(
    group="",
    version="v1",
    kind="Node",
    plural="nodes",
    singular="node",
    namespaced=False,
    schema="io.k8s.api.core.v1.Node",
    short_names=("no",),
    subresources=(
        Subresource("proxy", PROXY_VERBS, "NodeProxyOptions"),
        STATUS,
    ),
    storage_prefix="minions",
)
