"""Whether a pod that was bound to this node may run on it. Pure. The scheduler asks the same, but others bind as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubern.base.json import Obj
from kubern.kubelet.podspec import steps
from kubern.kubelet.qos import milli, total, whole
from kubern.kubelet.status import Verdict


def admit(
    pod: Obj, others: Iterable[Obj], allocatable: Mapping[str, str], node_labels: Mapping[str, str]
) -> Verdict | None:
    """Return why the pod is refused beside the `others` that run here, None when it may run."""
    others = list(others)
    return _resources(pod, others, allocatable) or _selection(pod, node_labels) or _ports(pod, others)


def _rejected(reason: str, message: str) -> Verdict:
    return Verdict(reason, f"Pod was rejected: {message}")


def _resources(pod: Obj, others: list[Obj], allocatable: Mapping[str, str]) -> Verdict | None:
    most = int(allocatable.get("pods", "110"))
    if len(others) + 1 > most:
        text = f"Node didn't have enough resource: pods, requested: 1, used: {len(others)}, capacity: {most}"
        return _rejected("OutOfpods", text)
    asked = total(pod)
    used: dict[str, int] = {}
    for other in others:
        for name, amount in total(other).items():
            used[name] = used.get(name, 0) + amount
    for name, amount in sorted(asked.items()):
        if not amount:
            continue
        quantities = dict(allocatable)
        there = milli(quantities) if name == "cpu" else whole(quantities, name)
        if used.get(name, 0) + amount > there:
            text = (
                f"Node didn't have enough resource: {name}, requested: {amount}, "
                f"used: {used.get(name, 0)}, capacity: {there}"
            )
            return _rejected(f"OutOf{name}", text)
    return None


def _selection(pod: Obj, labels: Mapping[str, str]) -> Verdict | None:
    spec = pod["spec"]
    selector = spec.get("nodeSelector") or {}
    fits = all(labels.get(name) == value for name, value in selector.items())
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if fits and required:
        name = spec.get("nodeName", "")
        fits = any(_term(term, labels, name) for term in required.get("nodeSelectorTerms") or ())
    if fits:
        return None
    return _rejected("NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector")


def _term(term: Obj, labels: Mapping[str, str], node_name: str) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_matches(each, labels.get(each["key"])) for each in expressions) and all(
        _matches(each, node_name if each["key"] == "metadata.name" else None) for each in fields
    )


def _matches(requirement: Obj, value: str | None) -> bool:
    values: list[str] = requirement.get("values") or []
    match requirement["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            if value is None or not value.lstrip("-").isdigit():
                return False
            return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])
    return False


def _ports(pod: Obj, others: list[Obj]) -> Verdict | None:
    taken = [port for other in others for port in host_ports(other)]
    for protocol, ip, number in host_ports(pod):
        for other_protocol, other_ip, other_number in taken:
            same_address = ip == other_ip or "0.0.0.0" in (ip, other_ip)
            if (protocol, number) == (other_protocol, other_number) and same_address:
                return _rejected(
                    "NodePorts",
                    "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
                )
    return None


def host_ports(pod: Obj) -> list[tuple[str, str, int]]:
    """Return the host ports that a pod uses: (protocol, address, port)."""
    return [
        (port.get("protocol", "TCP"), port.get("hostIP") or "0.0.0.0", int(port["hostPort"]))
        for step in steps(pod)
        for port in step.container.get("ports") or ()
        if port.get("hostPort")
    ]
