"""StorageVersionMigration: its facts."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource
from kubern.api.rules import cells

RESOURCE = Resource(
    group="storagemigration.k8s.io",
    version="v1beta1",
    kind="StorageVersionMigration",
    plural="storageversionmigrations",
    singular="storageversionmigration",
    namespaced=False,
    schema="io.k8s.api.storagemigration.v1beta1.StorageVersionMigration",
    subresources=(STATUS,),
    columns=(cells.NAME, cells.CREATED_AT),
)
