"""StorageVersion: its facts and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.values import at, items
from kubern.base.json import Obj


def _servers(obj: Obj) -> str:
    found = [f"{v.get('apiServerID')}={v.get('encodingVersion')}" for _, v in items(obj, "status.storageVersions")]
    return cells.some(found, 1) if found else cells.UNSET


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column(
        "CommonEncodingVersion",
        lambda obj: at(obj, "status.commonEncodingVersion") or cells.UNSET,
        "What all servers write.",
    ),
    cells.column("StorageVersions", _servers, "What each server writes."),
    cells.AGE,
)


RESOURCE = Resource(
    group="internal.apiserver.k8s.io",
    version="v1alpha1",
    kind="StorageVersion",
    plural="storageversions",
    singular="storageversion",
    namespaced=False,
    schema="io.k8s.api.apiserverinternal.v1alpha1.StorageVersion",
    subresources=(STATUS,),
    columns=COLUMNS,
)
