"""DaemonSet: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

RESOURCE = Resource(
    group="apps",
    version="v1",
    kind="DaemonSet",
    plural="daemonsets",
    singular="daemonset",
    namespaced=True,
    schema="io.k8s.api.apps.v1.DaemonSet",
    short_names=("ds",),
    categories=("all",),
    subresources=(STATUS,),
    generation=True,
)
