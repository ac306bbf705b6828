"""Node: a machine that runs pods."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.podspec.check_resources import check_quantity
from kubern.api.podspec.check_scheduling import TAINT_EFFECTS, label_name
from kubern.api.resource import STATUS, Resource, Subresource
from kubern.api.rules.cells import AGE, NAME, NONE, UNKNOWN, column, text
from kubern.api.rules.checks import one_of
from kubern.api.rules.quantities import store_maps
from kubern.api.rules.values import at
from kubern.api.structs import TAINT, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

PROXY_VERBS = ("create", "delete", "get", "patch", "update")

_ROLE_PREFIX, _ROLE_LABEL = "node-role.kubernetes.io/", "kubernetes.io/role"


def _default(node: Obj) -> None:
    """What a node has is what pods may use, until its kubelet says how much it keeps for itself."""
    spec = node.setdefault("spec", {})
    if spec.get("podCIDR") and not spec.get("podCIDRs"):
        spec["podCIDRs"] = [spec["podCIDR"]]
    elif spec.get("podCIDRs") and not spec.get("podCIDR"):
        spec["podCIDR"] = spec["podCIDRs"][0]
    status = node.setdefault("status", {})
    store_maps(status, "capacity", "allocatable")
    if status.get("capacity") and not status.get("allocatable"):
        status["allocatable"] = dict(status["capacity"])


def _validate(node: Obj) -> list[Cause]:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    causes = _check_taints(spec.get("taints") or [])
    return causes + _check_amounts(status) + _check_ranges(spec.get("podCIDRs") or [])


def _check_amounts(status: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for part in ("capacity", "allocatable"):
        for name, quantity in (status.get(part) or {}).items():
            causes += check_quantity(name, quantity, f"status.{part}.{name}")
    return causes


def _check_ranges(blocks: list[str]) -> list[Cause]:
    """A node's pods have one range, or one of each family."""
    causes: list[Cause] = []
    for i, block in enumerate(blocks):
        causes += [field.invalid(f"spec.podCIDRs[{i}]", block, message) for message in names.cidr(block)]
    if len(blocks) > 1:
        if len(blocks) > 2 or len({":" in block for block in blocks}) < 2:
            message = "may specify no more than one CIDR for each IP family"
            causes.append(field.invalid("spec.podCIDRs", blocks, message))
        causes += [field.duplicate(f"spec.podCIDRs[{i}]", b) for i, b in enumerate(blocks) if b in blocks[:i]]
    return causes


def _check_taints(taints: list[Obj]) -> list[Cause]:
    causes: list[Cause] = []
    taken: set[tuple[str, str]] = set()
    for i, taint in enumerate(taints):
        path, key, value = f"metadata.taints[{i}]", taint.get("key") or "", taint.get("value") or ""
        causes += label_name(key, f"{path}.key")
        messages = names.label_value(value)
        if messages:
            causes.append(field.invalid(f"{path}.value", value, ";".join(messages)))
        causes += one_of(taint, "effect", f"{path}.", TAINT_EFFECTS)
        identity = (key, taint.get("effect") or "")
        if identity in taken:
            again = field.duplicate(path, struct(taint, TAINT))
            message = f"{again.message}: taints must be unique by key and effect pair"
            causes.append(again._replace(message=message))
        taken.add(identity)
    return causes


def _validate_update(new: Obj, old: Obj) -> list[Cause]:
    fresh, stored = new.get("spec") or {}, old.get("spec") or {}
    causes: list[Cause] = []
    if stored.get("podCIDRs") and fresh.get("podCIDRs") != stored["podCIDRs"]:
        message = 'node updates may not change podCIDR except from "" to valid'
        causes.append(field.forbidden("spec.podCIDRs", message))
    if stored.get("providerID") and fresh.get("providerID") != stored["providerID"]:
        message = 'node updates may not change providerID except from "" to valid'
        causes.append(field.forbidden("spec.providerID", message))
    return causes


def _validate_status(new: Obj, old: Obj) -> list[Cause]:
    addresses = (new.get("status") or {}).get("addresses") or []
    causes = [
        field.duplicate(
            f"status.addresses[{i}]", {"Type": address.get("type") or "", "Address": address.get("address") or ""}
        )
        for i, address in enumerate(addresses)
        if address in addresses[:i]
    ]
    return _check_amounts(new.get("status") or {}) + causes


def _keep_status(new: Obj, old: Obj) -> None:
    """The status changes through `/status` only."""
    new["status"] = old.get("status") or {}


def _fields(node: Obj) -> dict[str, str]:
    return {"spec.unschedulable": "true" if (node.get("spec") or {}).get("unschedulable") else "false"}


def _status(node: Obj) -> str:
    """Return `Ready`, `NotReady` or `Unknown`, and whether it takes new pods."""
    ready = [c.get("status") for c in at(node, "status.conditions") or () if c.get("type") == "Ready"]
    words = [("Ready" if ready[-1] == "True" else "NotReady") if ready else "Unknown"]
    if at(node, "spec.unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(node: Obj) -> str:
    roles = set()
    for key, value in (at(node, "metadata.labels") or {}).items():
        if key.startswith(_ROLE_PREFIX) and key != _ROLE_PREFIX:
            roles.add(key.removeprefix(_ROLE_PREFIX))
        elif key == _ROLE_LABEL and value:
            roles.add(value)
    return ",".join(sorted(roles)) or NONE


def _address(node: Obj, kind: str) -> str:
    for address in at(node, "status.addresses") or ():
        if address.get("type") == kind:
            return address.get("address") or NONE
    return NONE


_INFO = "status.nodeInfo."
_COLUMNS = (
    NAME,
    column("Status", _status, "Whether it is ready, and whether it takes new pods."),
    column("Roles", _roles, "What it is there for."),
    AGE,
    text("Version", f"{_INFO}kubeletVersion", "The version of its kubelet."),
    column("Internal-IP", lambda node: _address(node, "InternalIP"), "Its address in the cluster.", wide=True),
    column("External-IP", lambda node: _address(node, "ExternalIP"), "Its address outside the cluster.", wide=True),
    text("OS-Image", f"{_INFO}osImage", "Its operating system.", missing=UNKNOWN, wide=True),
    text("Kernel-Version", f"{_INFO}kernelVersion", "Its kernel.", missing=UNKNOWN, wide=True),
    text("Container-Runtime", f"{_INFO}containerRuntimeVersion", "Its container runtime.", missing=UNKNOWN, wide=True),
)


RESOURCE = Resource(
    group="",
    version="v1",
    kind="Node",
    plural="nodes",
    singular="node",
    namespaced=False,
    schema="io.k8s.api.core.v1.Node",
    short_names=("no",),
    subresources=(
        Subresource("proxy", PROXY_VERBS, "NodeProxyOptions"),
        STATUS,
    ),
    storage_prefix="minions",
    # a kubelet registers its node with a status, which creation keeps
    status_reset=False,
    columns=_COLUMNS,
    default=_default,
    prepare_update=_keep_status,
    validate=_validate,
    validate_update=_validate_update,
    validate_status_update=_validate_status,
    fields=_fields,
)
