"""What plug-ins read of the cluster besides nodes and pods: local copies, followed through the public API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from kubern.base.json import Obj
from kubern.client.contract import GVR

SERVICES = GVR("", "v1", "services")
NAMESPACES = GVR("", "v1", "namespaces")
REPLICATION_CONTROLLERS = GVR("", "v1", "replicationcontrollers")
REPLICA_SETS = GVR("apps", "v1", "replicasets")
STATEFUL_SETS = GVR("apps", "v1", "statefulsets")
DISRUPTION_BUDGETS = GVR("policy", "v1", "poddisruptionbudgets")
CLAIMS = GVR("", "v1", "persistentvolumeclaims")
VOLUMES = GVR("", "v1", "persistentvolumes")
CLASSES = GVR("storage.k8s.io", "v1", "storageclasses")
CSI_NODES = GVR("storage.k8s.io", "v1", "csinodes")
RESOURCE_CLAIMS = GVR("resource.k8s.io", "v1", "resourceclaims")
RESOURCE_SLICES = GVR("resource.k8s.io", "v1", "resourceslices")
DEVICE_CLASSES = GVR("resource.k8s.io", "v1", "deviceclasses")
READ = (
    SERVICES, NAMESPACES, REPLICATION_CONTROLLERS, REPLICA_SETS, STATEFUL_SETS, DISRUPTION_BUDGETS, CLAIMS, VOLUMES, CLASSES, CSI_NODES,
    RESOURCE_CLAIMS, RESOURCE_SLICES, DEVICE_CLASSES,
)  # fmt: skip
"""Everything that the plug-ins read."""


class Listers(Protocol):
    """Reads from the local copies; what they return is nobody's to change."""

    def get(self, gvr: GVR, namespace: str, name: str) -> Obj | None:
        """Return one object, None when there is none."""
        ...

    def list(self, gvr: GVR, namespace: str = "") -> Iterable[Obj]:
        """Return all objects, or those of one namespace."""
        ...


class DictListers:
    """Objects that are at hand: for tests, and for a look at a cluster that was read once."""

    def __init__(self, objects: dict[GVR, list[Obj]] | None = None) -> None:
        self._objects = {
            gvr: {(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in each}
            for gvr, each in (objects or {}).items()
        }

    def get(self, gvr: GVR, namespace: str, name: str) -> Obj | None:
        """Return one object, None when there is none."""
        return self._objects.get(gvr, {}).get((namespace, name))

    def list(self, gvr: GVR, namespace: str = "") -> Iterable[Obj]:
        """Return all objects, or those of one namespace."""
        return [obj for (held, _), obj in self._objects.get(gvr, {}).items() if namespace in ("", held)]
