"""StorageVersion: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

RESOURCE = Resource(
    group="internal.apiserver.k8s.io",
    version="v1alpha1",
    kind="StorageVersion",
    plural="storageversions",
    singular="storageversion",
    namespaced=False,
    schema="io.k8s.api.apiserverinternal.v1alpha1.StorageVersion",
    subresources=(STATUS,),
)
