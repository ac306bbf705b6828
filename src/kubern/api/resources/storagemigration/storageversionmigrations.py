"""StorageVersionMigration: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

RESOURCE = Resource(
    group="storagemigration.k8s.io",
    version="v1beta1",
    kind="StorageVersionMigration",
    plural="storageversionmigrations",
    singular="storageversionmigration",
    namespaced=False,
    schema="io.k8s.api.storagemigration.v1beta1.StorageVersionMigration",
    subresources=(STATUS,),
)
