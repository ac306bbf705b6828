"""Walking the containers of a pod specification. Used by defaults, checks, quality of service and columns."""

from __future__ import annotations

from collections.abc import Iterator

from kubern.base.json import Obj

FIELDS = ("initContainers", "containers", "ephemeralContainers")


def all_containers(spec: Obj) -> Iterator[Obj]:
    """Yield init, ordinary and ephemeral containers, in that order."""
    for field in FIELDS:
        yield from spec.get(field) or ()


def is_sidecar(container: Obj) -> bool:
    """Tell whether an init container is one that keeps running beside the pod's containers."""
    return container.get("restartPolicy") == "Always"
