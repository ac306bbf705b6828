"""Checks of a pod that its templates are spared: they have taken it before. Called by the Pod resource; wording is upstream's."""

from __future__ import annotations

from collections.abc import Iterator

from kubern.api import field, names
from kubern.base.errors import Cause
from kubern.base.json import Obj


def check_pod_only(spec: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a pod's specification at `path` that is no template's."""
    return [*_check_tokens(spec, path), *_check_images(spec, path)]


def check_own_claims(name: str, spec: Obj, path: str) -> list[Cause]:
    """Return a cause for each volume whose claim, named after the pod `name` and the volume, cannot be called so."""
    causes: list[Cause] = []
    for i, volume in enumerate(spec.get("volumes") or () if name else ()):
        if volume.get("ephemeral") is not None and volume.get("name"):
            claim = f"{name}-{volume['name']}"
            causes += [
                field.invalid(f"{path}.volumes[{i}].name", volume["name"], f"PVC name {field.quote(claim)}: {message}")
                for message in names.dns1123_subdomain(claim)
            ]
    return causes


def check_image_text(container: Obj, path: str) -> list[Cause]:
    """Return a cause when there is space around the name of a container's image."""
    image = container.get("image") or ""
    if image == image.strip():
        return []
    return [field.invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]


def _check_tokens(spec: Obj, path: str) -> Iterator[Cause]:
    if spec.get("serviceAccountName"):
        return
    for i, volume in enumerate(spec.get("volumes") or ()):
        for j, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            if source.get("serviceAccountToken") is not None:
                here = f"{path}.volumes[{i}].projected.sources[{j}].serviceAccountToken"
                yield field.forbidden(here, "must not be specified when serviceAccountName is not set")


def _check_images(spec: Obj, path: str) -> Iterator[Cause]:
    for kind in ("containers", "initContainers"):
        for i, container in enumerate(spec.get(kind) or ()):
            yield from check_image_text(container, f"{path}.{kind}[{i}]")
