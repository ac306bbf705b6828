"""What is written into a ResourceClaim's status: who has reserved it, what is allocated, what drivers say. Wording is upstream's."""

from __future__ import annotations

from typing import Any

from kubern.api import field, names
from kubern.api.podspec.check_scheduling import check_node_selector
from kubern.api.rules.checks import immutable, named
from kubern.api.rules.condition_checks import check_conditions
from kubern.api.rules.device_config import MAX_CONFIG, check_config, check_raw
from kubern.api.rules.device_names import Check, bounded, driver_name, pool_name, share_id
from kubern.api.rules.device_taints import check_binding, check_toleration
from kubern.api.rules.values import at, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_RESERVED, _MAX_RESULTS, _MAX_REQUESTS = 256, 32, 32
_MAX_CONDITIONS, _MAX_INTERFACE, _MAX_HARDWARE, _MAX_ADDRESSES = 8, 256, 128, 16
_NOT_ADDED = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"


def check_claim_status(new: Obj, old: Obj, reference: Check) -> list[Cause]:
    """Return what is wrong with a claim's new status; `reference` checks the name of a request of the claim."""
    status, before = part(new, "status"), part(old, "status")
    reserved, allocation = status.get("reservedFor") or [], status.get("allocation")
    causes = bounded(reserved, _MAX_RESERVED, "status.reservedFor", _check_consumer, lambda one: one.get("uid") or "")
    allocated = {_device(one) for one in at(status, "allocation.devices.results") or ()}

    def check_device(device: Obj, path: str) -> list[Cause]:
        return _check_device(device, path, allocated)

    told = status.get("devices") or []
    causes += bounded(told, len(told), "status.devices", check_device, _device)
    if reserved and allocation is None:
        causes.append(field.forbidden("status.reservedFor", "may not be specified when `allocated` is not set"))
    elif new["metadata"].get("deletionTimestamp") and any(
        one not in (before.get("reservedFor") or ()) for one in reserved
    ):
        causes.append(field.forbidden("status.reservedFor", _NOT_ADDED))
    if allocation is not None and before.get("allocation") is not None:
        return causes + immutable(allocation, before["allocation"], "status.allocation")
    return causes + (_check_allocation(allocation, reference) if allocation is not None else [])


def _device(one: Obj) -> str:
    share = f"/{one['shareID']}" if one.get("shareID") else ""
    return "/".join(one.get(name) or "" for name in ("driver", "pool", "device")) + share


def _check_consumer(consumer: Obj, path: str) -> list[Cause]:
    return [field.required(f"{path}.{name}", "") for name in ("resource", "name", "uid") if not consumer.get(name)]


def _check_allocation(allocation: Obj, reference: Check) -> list[Cause]:
    path, devices = "status.allocation", part(allocation, "devices")

    def check_requests(config: Obj, here: str) -> list[Cause]:
        source, causes = config.get("source") or "", []
        if not source:
            causes.append(field.required(f"{here}.source", ""))
        elif source not in ("FromClaim", "FromClass"):
            causes.append(field.not_supported(f"{here}.source", source, ["FromClaim", "FromClass"]))
        causes += bounded(config.get("requests") or [], _MAX_REQUESTS, f"{here}.requests", reference, str)
        return causes + check_config(config, here)

    def check_result(result: Obj, here: str) -> list[Cause]:
        causes = reference(result.get("request") or "", f"{here}.request") + _check_named(result, here)
        for i, toleration in enumerate(result.get("tolerations") or ()):
            causes += check_toleration(toleration, f"{here}.tolerations[{i}]")
        return causes + check_binding(result, here)

    causes = bounded(devices.get("results") or [], _MAX_RESULTS, f"{path}.devices.results", check_result)
    causes += bounded(devices.get("config") or [], 2 * MAX_CONFIG, f"{path}.devices.config", check_requests)
    selector = allocation.get("nodeSelector")
    return causes + (check_node_selector(selector, f"{path}.nodeSelector") if selector is not None else [])


def _check_named(one: Obj, path: str) -> list[Cause]:
    return [
        *driver_name(one.get("driver"), f"{path}.driver"),
        *pool_name(one.get("pool"), f"{path}.pool"),
        *named(one.get("device"), f"{path}.device", names.dns1123_label),
        *share_id(one.get("shareID"), f"{path}.shareID"),
    ]


def _check_device(device: Obj, path: str, allocated: set[str]) -> list[Cause]:
    causes = _check_named(device, path)
    if _device(device) not in allocated:
        causes.append(field.invalid(path, _device(device), "must be an allocated device in the claim"))
    conditions = device.get("conditions") or []
    if len(conditions) > _MAX_CONDITIONS:
        causes.append(field.too_many(f"{path}.conditions", len(conditions), _MAX_CONDITIONS))
    causes += check_conditions(conditions, f"{path}.conditions")
    if device.get("data") is not None:
        causes += check_raw(device["data"], f"{path}.data")
    return causes + _check_network(device.get("networkData") or {}, f"{path}.networkData")


def _check_network(network: Obj, path: str) -> list[Cause]:
    causes = [
        field.too_long(f"{path}.{name}", most)
        for name, most in (("interfaceName", _MAX_INTERFACE), ("hardwareAddress", _MAX_HARDWARE))
        if len((network.get(name) or "").encode()) > most
    ]
    return causes + bounded(network.get("ips") or [], _MAX_ADDRESSES, f"{path}.ips", _check_address, str)


def _check_address(address: Any, path: str) -> list[Cause]:
    host, slash, _ = str(address).partition("/")
    if slash and not names.cidr(address) and not names.ip_address(host):
        return []
    return [field.invalid(path, address, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)")]
