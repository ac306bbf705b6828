"""Checks of the volume sources that are file systems and storage systems reached over a network. Called by the volume checks.

Paths and wording are upstream's. What a source cannot do without is asked for by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubern.api import field, names
from kubern.api.podspec.paths import descending_path
from kubern.base.errors import Cause
from kubern.base.json import Obj

_PAIRS = "must be a host:port pair or multiple pairs separated by commas"
_MAX_TENANT = 64
_RESERVED = (".kubernetes.io", ".k8s.io")


def check_nfs(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with an `nfs` source: an empty path is missing, and not absolute either."""
    target = source.get("path") or ""
    return [] if target.startswith("/") else [field.invalid(f"{path}.path", target, "must be an absolute path")]


def check_git(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with where a repository is put."""
    return descending_path(source.get("directory") or "", f"{path}.directory")


def check_local(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a directory of a node."""
    target = source.get("path") or ""
    return [field.invalid(f"{path}.path", target, "must not contain '..'")] if ".." in target.split("/") else []


def check_flocker(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a data set: it has a name or an id."""
    name, known = source.get("datasetName") or "", source.get("datasetUUID") or ""
    causes: list[Cause] = []
    if not name and not known:
        causes.append(field.required(path, "one of datasetName and datasetUUID is required"))
    if name and known:
        message = "datasetName and datasetUUID can not be specified simultaneously"
        causes.append(field.invalid(path, "resource", message))
    if "/" in name:
        causes.append(field.invalid(f"{path}.datasetName", name, "must not contain '/'"))
    return causes


def check_quobyte(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a Quobyte volume: its registries are hosts with ports."""
    registry, here = source.get("registry") or "", f"{path}.registry"
    causes: list[Cause] = []
    if not registry:
        causes.append(field.required(here, _PAIRS))
    elif len(source.get("tenant") or "") > _MAX_TENANT:
        message = f"must be a UUID and may not exceed a length of {_MAX_TENANT} characters"
        causes.append(field.required(f"{path}.tenant", message))
    else:
        causes += [field.invalid(here, registry, _PAIRS) for pair in registry.split(",") if not _is_pair(pair)]
    return causes if source.get("volume") else [*causes, field.required(f"{path}.volume")]


def _is_pair(text: str) -> bool:
    """Tell whether a text is a host and a port: `a:1`, `[::1]:1`; neither need be there."""
    if text.startswith("["):
        inside, closed, rest = text[1:].partition("]")
        return bool(closed) and rest.startswith(":") and not set("[]") & set(inside + rest) and rest.count(":") == 1
    return text.count(":") == 1 and not set("[]") & set(text)


def check_flex(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with the options of a node's own driver: some names are the system's."""
    causes: list[Cause] = []
    for key in source.get("options") or ():
        if f".{key.partition('/')[0].lower()}".endswith(_RESERVED):
            message = "kubernetes.io and k8s.io namespaces are reserved"
            causes.append(field.invalid(f"{path}.options[{key}]", key, message))
    return causes


def check_storage_os(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a StorageOS volume, of a pod or of its own."""
    name, space = source.get("volumeName") or "", source.get("volumeNamespace") or ""
    here = f"{path}.volumeName"
    causes = [field.invalid(here, name, m) for m in names.dns1123_label(name)] if name else [field.required(here)]
    if space:
        causes += [field.invalid(f"{path}.volumeNamespace", space, message) for message in names.dns1123_label(space)]
    return causes + check_secret(source, path)


def check_secret(source: Obj, path: str) -> list[Cause]:
    """Return a cause when a source refers to a secret without saying which."""
    secret = source.get("secretRef")
    return [] if secret is None or secret.get("name") else [field.required(f"{path}.secretRef.name")]


def check_persistent(spec: Obj, name: str, path: str) -> list[Cause]:
    """Return what is asked of the source of the PersistentVolume `name` over that of a pod's volume."""
    return list(_persistent(spec, name, path))


def _persistent(spec: Obj, name: str, path: str) -> Iterator[Cause]:
    for kind in ("cinder", "storageos"):
        secret = (spec.get(kind) or {}).get("secretRef")
        if secret is not None and not secret.get("namespace"):
            yield field.required(f"{path}.{kind}.secretRef.namespace")
    disk, target = spec.get("iscsi") or {}, (spec.get("iscsi") or {}).get("targetPortal") or ""
    if disk.get("initiatorName") is not None and len(f"{name}:{target}") > 64:
        message = (
            "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified."
        )  # fmt: skip
        yield field.invalid(f"{path}.iscsi.targetportal", target, message)
    yield from check_secret(disk, f"{path}.iscsi")
    if (spec.get("azureFile") or {}).get("secretNamespace") == "":
        yield field.required(f"{path}.azureFile.secretNamespace")
    space = (spec.get("glusterfs") or {}).get("endpointsNamespace")
    if space is not None:
        wrong = names.dns1123_label(space) if space else [
            "if the endpointnamespace is set, it must be a valid namespace name"
        ]  # fmt: skip
        for message in wrong:
            yield field.invalid(f"{path}.glusterfs.endpointsNamespace", space, message)
