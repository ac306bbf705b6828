"""VolumeAttributesClass: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import OtherVersion, Resource

RESOURCE = Resource(
    group="storage.k8s.io",
    version="v1",
    kind="VolumeAttributesClass",
    plural="volumeattributesclasses",
    singular="volumeattributesclass",
    namespaced=False,
    schema="io.k8s.api.storage.v1.VolumeAttributesClass",
    other_versions=(OtherVersion("v1beta1", "io.k8s.api.storage.v1beta1.VolumeAttributesClass"),),
    short_names=("vac",),
)
