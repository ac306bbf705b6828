"""Checks of what of its pod's volumes a container sees, as files and as devices. Called by the container checks.

Wording is upstream's, and so are the paths: what is wrong with a part of a mount is said of the list, without its place there.
"""

from __future__ import annotations

from kubern.api import field
from kubern.api.podspec.paths import descending_path
from kubern.base.errors import Cause
from kubern.base.json import Obj

_PROPAGATIONS = ["Bidirectional", "HostToContainer", "None"]
_MODES = ["Disabled", "Enabled", "IfPossible"]


def check_mounts(container: Obj, path: str, volumes: dict[str, Obj]) -> list[Cause]:
    """Return what is wrong with `volumeMounts`; `path` is the container's."""
    causes: list[Cause] = []
    devices = container.get("volumeDevices") or ()
    device_names = {device.get("name") for device in devices}
    device_paths = {device.get("devicePath") for device in devices}
    taken: set[str] = set()
    for i, mount in enumerate(container.get("volumeMounts") or ()):
        here = f"{path}.volumeMounts[{i}]"
        name, target = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            causes.append(field.required(f"{here}.name"))
        if name not in volumes:
            causes.append(field.not_found(f"{here}.name", name))
        if not target:
            causes.append(field.required(f"{here}.mountPath"))
        if target in taken:
            causes.append(field.invalid(f"{here}.mountPath", target, "must be unique"))
        taken.add(target)
        if name in device_names:
            causes.append(field.invalid(f"{here}.name", name, "must not already exist in volumeDevices"))
        if target in device_paths:
            causes.append(
                field.invalid(f"{here}.mountPath", target, "must not already exist as a path in volumeDevices")
            )
        causes += _check_details(mount, container, f"{path}.volumeMounts", here)
    return causes


def _check_details(mount: Obj, container: Obj, path: str, here: str) -> list[Cause]:
    sub, expression = mount.get("subPath") or "", mount.get("subPathExpr") or ""
    causes = descending_path(sub, f"{path}.subPath")
    if expression and sub:
        message = "subPathExpr and subPath are mutually exclusive"
        causes.append(field.invalid(f"{here}.subPathExpr", expression, message))
    causes += descending_path(expression, f"{path}.subPathExpr")
    propagation = mount.get("mountPropagation")
    if propagation is not None and propagation not in _PROPAGATIONS:
        causes.append(field.not_supported(f"{path}.mountPropagation", propagation, _PROPAGATIONS))
    if propagation == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        message = "Bidirectional mount propagation is available only to privileged containers"
        causes.append(field.forbidden(f"{path}.mountPropagation", message))
    return causes + _check_recursive(mount, f"{path}.recursiveReadOnly")


def _check_recursive(mount: Obj, path: str) -> list[Cause]:
    mode = mount.get("recursiveReadOnly")
    if mode is not None and mode not in _MODES:
        return [field.not_supported(path, mode, _MODES)]
    if mode in (None, "Disabled"):
        return []
    causes: list[Cause] = []
    if not mount.get("readOnly"):
        causes.append(field.forbidden(path, "may only be specified when readOnly is true"))
    if mount.get("mountPropagation") not in (None, "None"):
        message = "may only be specified when mountPropagation is None or not specified"
        causes.append(field.forbidden(path, message))
    return causes


def check_devices(container: Obj, path: str, volumes: dict[str, Obj]) -> list[Cause]:
    """Return what is wrong with `volumeDevices`; `path` is the container's."""
    causes: list[Cause] = []
    mounts = {mount.get("name") or "": mount.get("mountPath") or "" for mount in container.get("volumeMounts") or ()}
    taken: set[str] = set()
    known: set[str] = set()
    for i, device in enumerate(container.get("volumeDevices") or ()):
        here, name = f"{path}.volumeDevices[{i}]", device.get("name") or ""
        causes += _check_device_name(name, f"{here}.name", volumes, known)
        causes += _check_device_path(device.get("devicePath") or "", f"{here}.devicePath", taken)
        if name in mounts:
            causes.append(field.invalid(f"{here}.name", name, "must not already exist in volumeMounts"))
        if device.get("devicePath") in mounts.values():
            message = "must not already exist as a path in volumeMounts"
            causes.append(field.invalid(f"{here}.devicePath", device["devicePath"], message))
    return causes


def _check_device_name(name: str, path: str, volumes: dict[str, Obj], known: set[str]) -> list[Cause]:
    causes = [] if name else [field.required(path)]
    if name in known:
        causes.append(field.invalid(path, name, "must be unique"))
    volume = volumes.get(name)
    if volume is None:
        causes.append(field.not_found(path, name))
    elif volume.get("persistentVolumeClaim") is None and volume.get("ephemeral") is None:
        message = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        causes.append(field.invalid(path, name, message))
    if name:
        known.add(name)
    return causes


def _check_device_path(target: str, path: str, taken: set[str]) -> list[Cause]:
    causes = [] if target else [field.required(path)]
    if target in taken:
        causes.append(field.invalid(path, target, "must be unique"))
    if ".." in target.split("/"):
        causes.append(field.invalid(path, target, "can not contain backsteps ('..')"))
    else:
        taken.add(target)
    return causes
