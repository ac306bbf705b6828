"""StorageVersionMigration: its facts and checks."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import STATUS, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable
from kubern.api.rules.values import at
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a StorageVersionMigration."""
    if at(obj, "spec.resource.resource"):
        return []
    return [field.required("spec.resource.resource", "resource is required")]


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: what is to be migrated."""
    return immutable(new.get("spec"), old.get("spec"), "spec")


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
    validate=validate,
    validate_update=validate_update,
)
