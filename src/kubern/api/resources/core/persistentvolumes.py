"""PersistentVolume: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, Resource

RESOURCE = Resource(
    group="",
    version="v1",
    kind="PersistentVolume",
    plural="persistentvolumes",
    singular="persistentvolume",
    namespaced=False,
    schema="io.k8s.api.core.v1.PersistentVolume",
    short_names=("pv",),
    subresources=(STATUS,),
)
