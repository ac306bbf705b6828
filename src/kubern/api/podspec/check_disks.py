"""Checks of the volume sources that are disks reached over a network: iSCSI and Fibre Channel. Called by the volume checks."""

from __future__ import annotations

import re

from kubern.api import field
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_PARTITION = 255
_CACHING, _KINDS = ("None", "ReadOnly", "ReadWrite"), ("Dedicated", "Managed", "Shared")
_MANAGED = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
_BLOB = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"

_NAMES = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+(:[^,;*&$|\s]+)\Z"),
    "eui": re.compile(r"eui\.[A-Za-z0-9]{16}\Z"),
    "naa": re.compile(r"naa\.[A-Za-z0-9]{32}\Z"),
}
_HIGHEST_UNIT = 255


def check_iscsi(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with an `iscsi` source, its required fields aside."""
    name, own = source.get("iqn") or "", source.get("initiatorName")
    causes = _check_name(name, f"{path}.iqn") if name else []
    causes += _check_unit(source.get("lun") or 0, f"{path}.lun")
    checks_login = source.get("chapAuthDiscovery") or source.get("chapAuthSession")
    if checks_login and source.get("secretRef") is None:
        causes.append(field.required(f"{path}.secretRef"))
    return causes if own is None else [*causes, *_check_name(own, f"{path}.initiatorname")]


def _check_name(name: str, path: str) -> list[Cause]:
    form = _NAMES.get(name[:3])
    if form is None:
        return [field.invalid(path, name, "must be valid format starting with iqn, eui, or naa")]
    return [] if form.match(name) else [field.invalid(path, name, "must be valid format")]


def check_fc(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with an `fc` source."""
    ports, disks, unit = source.get("targetWWNs") or [], source.get("wwids") or [], source.get("lun")
    causes: list[Cause] = []
    if not ports and not disks:
        causes.append(field.required(f"{path}.targetWWNs", "must specify either targetWWNs or wwids, but not both"))
    if ports and disks:
        message = "targetWWNs and wwids can not be specified simultaneously"
        causes.append(field.invalid(f"{path}.targetWWNs", ports, message))
    if ports and unit is None:
        causes.append(field.required(f"{path}.lun", "lun is required if targetWWNs is specified"))
    elif unit is not None and ports:
        causes += _check_unit(unit, f"{path}.lun")
    return causes


def _check_unit(unit: int, path: str) -> list[Cause]:
    if 0 <= unit <= _HIGHEST_UNIT:
        return []
    return [field.invalid(path, unit, f"must be between 0 and {_HIGHEST_UNIT}, inclusive")]


def check_partition(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with the partition of a cloud's disk."""
    partition = source.get("partition") or 0
    if 0 <= partition <= _MAX_PARTITION:
        return []
    return [field.invalid(f"{path}.partition", partition, "must be between 0 and 255, inclusive")]


def check_azure_disk(source: Obj, path: str) -> list[Cause]:
    """Return what is wrong with a disk of Azure: its address has the form of its kind."""
    causes: list[Cause] = []
    caching, kind, address = source.get("cachingMode"), source.get("kind"), source.get("diskURI") or ""
    if caching is not None and caching not in _CACHING:
        causes.append(field.not_supported(f"{path}.cachingMode", caching, _CACHING))
    if kind is not None and kind not in _KINDS:
        causes.append(field.not_supported(f"{path}.kind", kind, _KINDS))
    start, form = ("/subscriptions/", _MANAGED) if kind == "Managed" else ("https://", _BLOB)
    if not address.startswith(start):
        causes.append(field.not_supported(f"{path}.diskURI", address, [form]))
    return causes
