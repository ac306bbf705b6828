"""Checks of volumes: one source each, and what that source must hold. Wording is upstream's.

Called by the pod specification's checks (`check_volumes`) and by persistent volumes (`check_source`).
"""

from __future__ import annotations

from collections.abc import Callable

from kubern.api import field, names
from kubern.api.metadata import check_annotations, check_labels
from kubern.api.podspec.check_disks import check_azure_disk, check_fc, check_iscsi, check_partition
from kubern.api.podspec.check_env import VOLUME_FIELDS, check_field_ref, check_resource_field
from kubern.api.podspec.paths import local_path
from kubern.api.rules.device_names import driver_name
from kubern.base.errors import Cause
from kubern.base.json import Obj
from kubern.base.quantity import parse

_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
HOST_PATH_TYPES = [
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
]  # fmt: skip
_MORE_THAN_ONE = "may not specify more than 1 volume type"
# what each plain source cannot do without
_REQUIRED: dict[str, tuple[str, ...]] = {
    "awsElasticBlockStore": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "azureFile": ("secretName", "shareName"),
    "cephfs": ("monitors",),
    "cinder": ("volumeID",),
    "configMap": ("name",),
    "csi": ("driver",),
    "ephemeral": ("volumeClaimTemplate",),
    "flexVolume": ("driver",),
    "gcePersistentDisk": ("pdName",),
    "gitRepo": ("repository",),
    "glusterfs": ("endpoints", "path"),
    "hostPath": ("path",),
    "iscsi": ("targetPortal", "iqn"),
    "local": ("path",),
    "nfs": ("server", "path"),
    "persistentVolumeClaim": ("claimName",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "quobyte": ("registry", "volume"),
    "rbd": ("monitors", "image"),
    "scaleIO": ("gateway", "system", "volumeName"),
    "secret": ("secretName",),
    "vsphereVolume": ("volumePath",),
}
SOURCES = frozenset(_REQUIRED) | {"downwardAPI", "emptyDir", "fc", "flocker", "image", "projected", "storageos"}


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
    given = [name for name in holder if name in SOURCES and holder[name] is not None]
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
    if ".." in target.split("/"):
        causes.append(field.invalid(f"{path}.path", target, "must not contain '..'"))
    if kind is not None and kind not in HOST_PATH_TYPES:
        causes.append(field.not_supported(f"{path}.type", kind, HOST_PATH_TYPES))
    return causes


def _check_empty_dir(source: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    limit, medium = source.get("sizeLimit"), source.get("medium") or ""
    if limit is not None and parse(limit) < 0:
        causes.append(field.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity"))
    if medium not in ("", "Memory", "HugePages") and not medium.startswith("HugePages-"):
        supported = ["", "HugePages", "Memory"]
        causes.append(field.not_supported(f"{path}.medium", medium, supported))
    return causes


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


def _check_nfs(source: Obj, path: str) -> list[Cause]:
    target = source.get("path") or "/"
    return [] if target.startswith("/") else [field.invalid(f"{path}.path", target, "must be an absolute path")]


def _check_keyed(source: Obj, path: str) -> list[Cause]:
    """Check a ConfigMap's or Secret's projection: its modes and which keys go where."""
    causes = _check_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for i, item in enumerate(source.get("items") or ()):
        here = f"{path}.items[{i}]"
        if not item.get("key"):
            causes.append(field.required(f"{here}.key"))
        causes += _check_file(item, here)
    return causes


def _check_downward(source: Obj, path: str) -> list[Cause]:
    causes = _check_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for item in source.get("items") or ():
        causes += _check_file(item, path) + _check_downward_item(item, path)
    return causes


def _check_downward_item(item: Obj, path: str) -> list[Cause]:
    by_field, by_resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if by_field is not None:
        causes = check_field_ref(by_field, f"{path}.fieldRef", VOLUME_FIELDS)
        if by_resource is not None:
            causes.append(
                field.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
            )
        return causes
    if by_resource is not None:
        return check_resource_field(by_resource, f"{path}.resourceFieldRef", True)
    return [field.required(f"{path}.fieldRef", "one of fieldRef and resourceFieldRef is required")]


def _check_mode(mode: int | None, path: str) -> list[Cause]:
    return [] if mode is None or 0 <= mode <= 0o777 else [field.invalid(path, mode, _MODE)]


def _check_file(item: Obj, path: str) -> list[Cause]:
    target = item.get("path") or ""
    causes = [] if target else [field.required(f"{path}.path")]
    return causes + local_path(target, f"{path}.path") + _check_mode(item.get("mode"), f"{path}.mode")


def _check_projected(source: Obj, path: str) -> list[Cause]:
    causes = _check_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for i, projection in enumerate(source.get("sources") or ()):
        here = f"{path}.sources[{i}]"
        given = [name for name, value in projection.items() if value is not None]
        causes += [field.forbidden(f"{here}.{name}", _MORE_THAN_ONE) for name in given[1:]]
        if not given:
            causes.append(
                field.required(
                    here, "must specify one of: `configMap`, `secret`, `downwardAPI` or `serviceAccountToken`"
                )
            )
        elif given[0] in _PROJECTIONS:
            causes += _PROJECTIONS[given[0]](projection[given[0]], f"{here}.{given[0]}")
    return causes + _check_overlap(source.get("sources") or [], path)


def _check_overlap(projections: list[Obj], path: str) -> list[Cause]:
    """Return a cause for each file that several projections, or one of them twice, would write."""
    taken: set[str] = set()
    causes: list[Cause] = []
    for projection in projections:
        for source in projection.values():
            files = [item.get("path") for item in (source or {}).get("items") or ()] + [(source or {}).get("path")]
            for file in filter(None, files):
                if file in taken:
                    causes.append(field.invalid(path, file, "conflicting duplicate paths"))
                taken.add(file)
    return causes


def _check_projected_keys(source: Obj, path: str) -> list[Cause]:
    named = [] if source.get("name") else [field.required(f"{path}.name")]
    return named + _check_keyed(source, path)


def _check_token(source: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    seconds = source.get("expirationSeconds") or 0
    if seconds < 600:
        message = "may not specify a duration less than 10 minutes"
        causes.append(field.invalid(f"{path}.expirationSeconds", seconds, message))
    elif seconds > 1 << 32:
        causes.append(
            field.invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
        )
    if not source.get("path"):
        return [*causes, field.required(f"{path}.path")]
    return causes + local_path(source["path"], f"{path}.path")


_CHECKS: dict[str, Callable[[Obj, str], list[Cause]]] = {
    "configMap": _check_keyed,
    "awsElasticBlockStore": check_partition,
    "azureDisk": check_azure_disk,
    "csi": _check_csi,
    "downwardAPI": _check_downward,
    "emptyDir": _check_empty_dir,
    "ephemeral": _check_ephemeral,
    "fc": check_fc,
    "gcePersistentDisk": check_partition,
    "hostPath": _check_host_path,
    "image": _check_image,
    "iscsi": check_iscsi,
    "nfs": _check_nfs,
    "projected": _check_projected,
    "secret": _check_keyed,
}
_PROJECTIONS: dict[str, Callable[[Obj, str], list[Cause]]] = {
    "configMap": _check_projected_keys,
    "downwardAPI": _check_downward,
    "secret": _check_projected_keys,
    "serviceAccountToken": _check_token,
}
