"""What may be written into a pod's status. Called by the Pod resource; wording is upstream's.

What always holds: a container that has ended for good does not run again, and what the status names is there.
"""

from __future__ import annotations

from typing import Any

from kubern.api import field, names
from kubern.api.podspec.check_statuses import check_container_statuses
from kubern.api.podspec.containers import is_sidecar
from kubern.base.errors import Cause
from kubern.base.json import Obj

_SYSTEM = ("PodScheduled", "Ready", "Initialized")


def validate_pod_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what a status update may not do."""
    status, before = new.get("status") or {}, old.get("status") or {}
    causes = _check_conditions(status.get("conditions") or [])
    node = status.get("nominatedNodeName") or ""
    if node and node != before.get("nominatedNodeName"):
        causes += [field.invalid("status.nominatedNodeName", node, m) for m in names.dns1123_subdomain(node)]
    causes += _check_restarts(new, old)
    causes += _check_claims(status.get("resourceClaimStatuses") or [], new.get("spec") or {})
    causes += _check_addresses(status.get("podIPs") or [], "status.podIPs")
    hosts = status.get("hostIPs") or []
    if hosts and status.get("hostIP", "") != hosts[0].get("ip"):
        causes.append(field.invalid("status.hostIPs[0].ip", hosts[0].get("ip"), "must be equal to `hostIP`"))
    causes += _check_addresses(hosts, "status.hostIPs")
    return causes + check_container_statuses(status, new.get("spec") or {})


def _check_conditions(conditions: list[Obj]) -> list[Cause]:
    # upstream looks for them in the metadata when it says where
    return [
        field.invalid(f"metadata.conditions[{i}].Type", condition.get("type") or "", message)
        for i, condition in enumerate(conditions)
        if condition.get("type") not in _SYSTEM
        for message in names.qualified_name(condition.get("type") or "")
    ]


def _check_claims(statuses: list[Obj], spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    known = {claim.get("name") for claim in spec.get("resourceClaims") or ()}
    told = [status.get("name") or "" for status in statuses]
    for i, name in enumerate(told):
        path, claim = f"status.resourceClaimStatuses[{i}].name", statuses[i].get("resourceClaimName")
        if name not in known:
            message = "must match the name of an entry in `spec.resourceClaims`"
            causes.append(field.invalid(path, name, message))
        if name in told[:i]:
            causes.append(field.duplicate(path, name))
        if claim is not None:
            causes += [field.invalid(path, claim, message) for message in names.dns1123_subdomain(claim)]
    return causes


def _check_addresses(addresses: list[Obj], path: str) -> list[Cause]:
    """A pod, and its node, have one address, or one of each family."""
    found = [address.get("ip") or "" for address in addresses]
    causes = [
        field.invalid(f"{path}[{i}]", ip, message) for i, ip in enumerate(found) for message in names.ip_address(ip)
    ]
    if len(found) > 1:
        if len(found) > 2 or len({":" in ip for ip in found}) < 2:
            causes.append(field.invalid(path, addresses, "may specify no more than one IP for each IP family"))
        causes += [field.duplicate(f"{path}[{i}]", one) for i, one in enumerate(addresses) if one in addresses[:i]]
    return causes


def _check_restarts(new: Obj, old: Obj) -> list[Cause]:
    """No container comes back that has ended for good, and the class of service stays."""
    fresh, stored = new.get("status") or {}, old.get("status") or {}
    spec = old.get("spec") or {}
    causes: list[Cause] = []
    if fresh.get("qosClass") != stored.get("qosClass") and stored.get("qosClass"):
        causes.append(field.invalid("status.qosClass", fresh.get("qosClass"), "field is immutable"))
    policy = "Always" if _by_rules(spec) else spec.get("restartPolicy")
    sidecars = {container.get("name") for container in spec.get("initContainers") or () if is_sidecar(container)}
    for name, how, spared in (
        ("containerStatuses", policy, set()),
        ("initContainerStatuses", policy, sidecars),
        ("ephemeralContainerStatuses", "Never", set()),
    ):
        causes += _check_ended(fresh.get(name) or [], stored.get(name) or [], f"status.{name}", how, spared)
    return causes


def _by_rules(spec: Obj) -> bool:
    """Tell whether rules of the containers' own may start them again."""
    return any(container.get("restartPolicyRules") for container in spec.get("containers") or ())


def _check_ended(fresh: list[Obj], stored: list[Obj], path: str, policy: Any, sidecars: set[Any]) -> list[Cause]:
    causes: list[Cause] = []
    runs = {status.get("name") for status in fresh if (status.get("state") or {}).get("terminated") is None}
    for i, status in enumerate(stored if policy != "Always" else ()):
        before = (status.get("state") or {}).get("terminated")
        if before is None or status.get("name") in sidecars or (policy == "OnFailure" and before.get("exitCode")):
            continue
        if status.get("name") in runs:
            causes.append(field.forbidden(f"{path}[{i}].state", "may not be transitioned to non-terminated state"))
    return causes
