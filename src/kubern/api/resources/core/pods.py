"""Pod: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, STATUS_VERBS, Resource, Subresource

PROXY_VERBS = ("create", "delete", "get", "patch", "update")
CONNECT_VERBS = ("create", "get")

RESOURCE = Resource(
    group="",
    version="v1",
    kind="Pod",
    plural="pods",
    singular="pod",
    namespaced=True,
    schema="io.k8s.api.core.v1.Pod",
    short_names=("po",),
    categories=("all",),
    subresources=(
        Subresource("attach", CONNECT_VERBS, "PodAttachOptions"),
        Subresource("binding", ("create",), "Binding"),
        Subresource("ephemeralcontainers", STATUS_VERBS),
        Subresource("eviction", ("create",), "Eviction", "policy", "v1"),
        Subresource("exec", CONNECT_VERBS, "PodExecOptions"),
        Subresource("log", ("get",)),
        Subresource("portforward", CONNECT_VERBS, "PodPortForwardOptions"),
        Subresource("proxy", PROXY_VERBS, "PodProxyOptions"),
        Subresource("resize", STATUS_VERBS),
        STATUS,
    ),
    generation=True,
)
