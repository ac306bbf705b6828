"""Checks of volumes: one source each, and what that source must hold. Wording is upstream's.

Called by the pod specification's checks (`check_volumes`) and by persistent volumes (`check_source`).
"""

from __future__ import annotations

from collections.abc import Callable

from kubern.api import field, names
from kubern.api.metadata import check_annotations, check_labels
from kubern.api.podspec.check_disks import check_azure_disk, check_fc, check_iscsi, check_partition
from kubern.api.podspec.check_keys import check_downward, check_keyed
from kubern.api.podspec.check_projected import check_projected
from kubern.api.podspec.check_shares import (
    check_flex,
    check_flocker,
    check_git,
    check_local,
    check_nfs,
    check_quobyte,
    check_secret,
    check_storage_os,
)
from kubern.api.rules.device_names import driver_name
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import parse

HOST_PATH_TYPES = [
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
]  # fmt: skip
_MORE_THAN_ONE = "may not specify more than 1 volume type"
# in the order in which upstream looks for them, with what each plain source cannot do without
_REQUIRED: dict[str, tuple[str, ...]] = {
    "emptyDir": (),
    "hostPath": ("path",),
    "gitRepo": ("repository",),
    "gcePersistentDisk": ("pdName",),
    "awsElasticBlockStore": ("volumeID",),
    "secret": ("secretName",),
    "nfs": ("server", "path"),
    "iscsi": ("targetPortal", "iqn"),
    "glusterfs": ("endpoints", "path"),
    "flocker": (),
    "persistentVolumeClaim": ("claimName",),
    "rbd": ("monitors", "image"),
    "cinder": ("volumeID",),
    "cephfs": ("monitors",),
    "quobyte": (),
    "downwardAPI": (),
    "fc": (),
    "flexVolume": ("driver",),
    "configMap": ("name",),
    "azureFile": ("secretName", "shareName"),
    "vsphereVolume": ("volumePath",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "storageos": (),
    "projected": (),
    "scaleIO": ("gateway", "system", "volumeName"),
    "local": ("path",),
    "csi": ("driver",),
    "ephemeral": ("volumeClaimTemplate",),
    "image": (),
}
SOURCES = frozenset(_REQUIRED)


def check_volumes(volumes: list[Obj], path: str) -> list[Cause]:
    """Return what is wrong with a pod's volumes."""
    causes: list[Cause] = []
    taken: set[str] = set()
    for i, volume in enumerate(volumes):
        here, name = f"{path}[{i}]", volume.get("name") or ""
        if not name:
            causes.append(field.required(f"{here}.name"))
        causes += [field.invalid(f"{here}.name", name, message) for message in names.dns1123_label(name) if name]
        if name in taken:
            causes.append(field.duplicate(f"{here}.name", name))
        taken.add(name)
        causes += check_source(volume, here, "must specify a volume type")
    return causes


def check_source(holder: Obj, path: str, none: str, more: str = _MORE_THAN_ONE) -> list[Cause]:
    """Return what is wrong with the volume source in `holder`; `none` and `more` are said of no source and of several."""
    given = [name for name in _REQUIRED if holder.get(name) is not None]
    if not given:
        return [field.required(path, none)]
    kind = given[0]
    source, here = holder[kind], f"{path}.{kind}"
    causes = [field.required(f"{here}.{name}") for name in _REQUIRED.get(kind, ()) if not source.get(name)]
    if kind in _CHECKS:
        causes += _CHECKS[kind](source, here)
    return causes + [field.forbidden(f"{path}.{name}", more) for name in given[1:]]


def _check_host_path(source: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    target, kind = source.get("path") or "", source.get("type")
    if not target:
        return []
    if ".." in target.split("/"):
        causes.append(field.invalid(f"{path}.path", target, "must not contain '..'"))
    if kind is not None and kind not in HOST_PATH_TYPES:
        causes.append(field.not_supported(f"{path}.type", kind, HOST_PATH_TYPES))
    return causes


def _check_empty_dir(source: Obj, path: str) -> list[Cause]:
    """Check how large it may become; which medium a node has is for the node to say."""
    limit = source.get("sizeLimit")
    if limit is None or parse(limit) >= 0:
        return []
    return [field.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]


def _check_image(source: Obj, path: str) -> list[Cause]:
    policy, known = source.get("pullPolicy"), ["Always", "IfNotPresent", "Never"]
    return [] if policy in (None, *known) else [field.not_supported(f"{path}.pullPolicy", policy, known)]


def _check_ephemeral(source: Obj, path: str) -> list[Cause]:
    from kubern.api.resources.core.persistentvolumeclaims import validate_claim_spec  # which itself checks sources

    template, here = source.get("volumeClaimTemplate"), f"{path}.volumeClaimTemplate"
    if not template:
        return []
    metadata = template.get("metadata") or {}
    causes = check_annotations(metadata.get("annotations"), f"{here}.metadata.annotations")
    causes += check_labels(metadata.get("labels"), f"{here}.metadata.labels")
    for name in metadata.keys() - {"annotations", "labels"}:
        causes.append(field.forbidden(f"{here}.metadata.{name}", "cannot be set"))
    return causes + validate_claim_spec(template.get("spec") or {}, f"{here}.spec")


def _check_csi(source: Obj, path: str) -> list[Cause]:
    causes = driver_name(source["driver"], f"{path}.driver") if source.get("driver") else []
    secret = source.get("nodePublishSecretRef")
    if secret is not None and not secret.get("name"):
        causes.append(field.required(f"{path}.nodePublishSecretRef.name"))
    elif secret is not None:
        causes += [field.invalid(f"{path}.name", secret["name"], m) for m in names.dns1123_subdomain(secret["name"])]
    return causes


_CHECKS: dict[str, Callable[[Obj, str], list[Cause]]] = {
    "awsElasticBlockStore": check_partition,
    "azureDisk": check_azure_disk,
    "cinder": check_secret,
    "configMap": check_keyed,
    "csi": _check_csi,
    "downwardAPI": check_downward,
    "emptyDir": _check_empty_dir,
    "ephemeral": _check_ephemeral,
    "fc": check_fc,
    "flexVolume": check_flex,
    "flocker": check_flocker,
    "gcePersistentDisk": check_partition,
    "gitRepo": check_git,
    "hostPath": _check_host_path,
    "image": _check_image,
    "iscsi": check_iscsi,
    "local": check_local,
    "nfs": check_nfs,
    "projected": check_projected,
    "quobyte": check_quobyte,
    "secret": check_keyed,
    "storageos": check_storage_os,
}
