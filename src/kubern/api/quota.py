"""What objects use of a ResourceQuota. Pure. Source: the documentation "Resource Quotas"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kubern.base import quantity
from kubern.base.json import Obj
from kubern.base.quantity import Quantity

_PLAIN = {"cpu": "requests.cpu", "memory": "requests.memory", "ephemeral-storage": "requests.ephemeral-storage"}


def pod_usage(pod: Obj) -> dict[str, Quantity]:
    """Return what one pod uses, by quota name."""
    used = {"pods": quantity.from_value(1), "count/pods": quantity.from_value(1)}
    for prefix in ("requests", "limits"):
        for name, amount in pod_amounts(pod["spec"], prefix).items():
            used[f"{prefix}.{name}"] = amount
    for name, full in _PLAIN.items():
        if full in used:
            used[name] = used[full]
    return used


def counts_for_pods(pod: Obj) -> bool:
    """Say whether a pod uses anything: one that has ended does not."""
    return (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def pod_amounts(spec: Obj, prefix: str) -> dict[str, Quantity]:
    """Return the larger of what all containers use together and what any init container does while the pod starts."""
    total: dict[str, Quantity] = {}
    for container in spec.get("containers") or ():
        _add(total, _amounts(container, prefix))
    sidecars: dict[str, Quantity] = {}
    peak: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or ():
        own = _amounts(container, prefix)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, own)
            own = {}
        for name in {*own, *sidecars}:
            at_this_point = own.get(name, Quantity(0)) + sidecars.get(name, Quantity(0))
            peak[name] = max(peak.get(name, Quantity(0)), at_this_point, key=lambda q: q.nano)
    _add(total, sidecars)
    for name, amount in peak.items():
        total[name] = max(total.get(name, Quantity(0)), amount, key=lambda q: q.nano)
    _add(total, {name: quantity.parse(each) for name, each in (spec.get("overhead") or {}).items()})
    return total


def _amounts(container: Obj, prefix: str) -> dict[str, Quantity]:
    resources = container.get("resources") or {}
    return {name: quantity.parse(amount) for name, amount in (resources.get(prefix) or {}).items()}


def _add(total: dict[str, Quantity], more: Mapping[str, Quantity]) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def claim_usage(claim: Obj) -> dict[str, Quantity]:
    """Return what one PersistentVolumeClaim uses, by quota name, its storage class's own quota included."""
    spec = claim["spec"]
    amount = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    used = {"persistentvolumeclaims": quantity.from_value(1), "count/persistentvolumeclaims": quantity.from_value(1)}
    if amount is not None:
        used["requests.storage"] = quantity.parse(amount)
    storage_class = spec.get("storageClassName")
    if storage_class:
        prefix = f"{storage_class}.storageclass.storage.k8s.io/"
        used |= {prefix + name: each for name, each in list(used.items()) if not name.startswith("count/")}
    return used


_DEVICES = ".deviceclass.resource.k8s.io/devices"
_ALL_DEVICES = 32
"""What a request for all devices may come to: as many as a claim can have."""


def device_usage(claim: Obj) -> dict[str, Quantity]:
    """Return what one ResourceClaim may use of each device class, by quota name; of alternatives the most that one may."""
    used: dict[str, Quantity] = {"count/resourceclaims.resource.k8s.io": quantity.from_value(1)}
    for request in (claim["spec"].get("devices") or {}).get("requests") or ():
        most: dict[str, int] = {}
        for each in [request["exactly"]] if request.get("exactly") else request.get("firstAvailable") or ():
            number = _ALL_DEVICES if each.get("allocationMode") == "All" else each.get("count") or 1
            name = f"{each.get('deviceClassName', '')}{_DEVICES}"
            most[name] = max(most.get(name, 0), number)
        _add(used, {name: quantity.from_value(number) for name, number in most.items()})
    return used


def service_usage(service: Obj) -> dict[str, Quantity]:
    """Return what one Service uses, by quota name."""
    spec = service["spec"]
    kind, ports = spec.get("type", "ClusterIP"), len(spec.get("ports") or ())
    balancer = kind == "LoadBalancer"
    node_ports = kind == "NodePort" or (balancer and spec.get("allocateLoadBalancerNodePorts", True))
    counts = Counter({"services": 1, "count/services": 1})
    counts["services.nodeports"] = ports if node_ports else 0
    counts["services.loadbalancers"] = int(balancer)
    return {name: quantity.from_value(count) for name, count in counts.items()}


_SHORT = frozenset({"configmaps", "replicationcontrollers", "resourcequotas", "secrets"})
"""Resources whose number also has a name without `count/`."""
_USAGES = {
    ("", "pods"): pod_usage,
    ("", "services"): service_usage,
    ("", "persistentvolumeclaims"): claim_usage,
    ("resource.k8s.io", "resourceclaims"): device_usage,
}
_MUST_STATE = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


def count_usage(plural: str, group: str, number: int = 1) -> dict[str, Quantity]:
    """Return what `number` objects of a resource use that is counted by its number alone."""
    amount = quantity.from_value(number)
    found = {f"count/{plural}.{group}" if group else f"count/{plural}": amount}
    return found | ({plural: amount} if plural in _SHORT and not group else {})


def object_usage(plural: str, group: str, obj: Obj) -> dict[str, Quantity]:
    """Return what one object of any resource uses, by quota name."""
    usage = _USAGES.get((group, plural))
    return usage(obj) if usage else count_usage(plural, group)


def unstated(hard: Mapping[str, str], pod: Obj) -> str:
    """Return which amounts that are limited a pod's containers leave out, as upstream lists them; empty: none."""
    missing = []
    for name in sorted(set(hard) & set(_MUST_STATE)):
        kind, _, resource = name.rpartition(".")
        containers = [
            container["name"]
            for field in ("containers", "initContainers")
            for container in pod["spec"].get(field) or ()
            if resource not in _amounts(container, kind or "requests")
        ]
        if containers:
            missing.append(f"{name} for: {','.join(sorted(containers))}")
    return "; ".join(missing)


def total(usages: Iterable[Mapping[str, Quantity]]) -> dict[str, Quantity]:
    """Add usages up."""
    found: dict[str, Quantity] = {}
    for usage in usages:
        _add(found, usage)
    return found


def in_scope(quota: Obj, plural: str, obj: Obj) -> bool:
    """Say whether a quota's scopes cover an object: a pod or a PersistentVolumeClaim, nothing else."""
    spec = quota["spec"]
    required: list[Obj] = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    required += (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    covers = {"pods": _covers, "persistentvolumeclaims": _covers_claim}.get(plural)
    return all(covers is not None and covers(each, obj) for each in required)


def has_scopes(quota: Obj) -> bool:
    """Say whether a quota covers some pods or claims only (and nothing but these)."""
    return bool(quota["spec"].get("scopes") or quota["spec"].get("scopeSelector"))


def _covers(requirement: Obj, pod: Obj) -> bool:
    spec, name = pod["spec"], requirement["scopeName"]
    if name in ("Terminating", "NotTerminating"):
        return bool((spec.get("activeDeadlineSeconds") is not None) == (name == "Terminating"))
    if name in ("BestEffort", "NotBestEffort"):
        return bool(_best_effort(spec) == (name == "BestEffort"))
    if name == "PriorityClass":
        return _matches(requirement, spec.get("priorityClassName") or "")
    if name == "CrossNamespacePodAffinity":
        return _crosses_namespaces(spec)
    return False


def _covers_claim(requirement: Obj, claim: Obj) -> bool:
    """A claim is covered by each class that it has, asks for or is about to get."""
    if requirement["scopeName"] != "VolumeAttributesClass":
        return False
    status = claim.get("status") or {}
    target = (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName")
    names = (claim["spec"].get("volumeAttributesClassName"), status.get("currentVolumeAttributesClassName"), target)
    return any(_matches(requirement, name) for name in {each for each in names if each} or {""})


def _matches(requirement: Obj, value: str) -> bool:
    values: Sequence[str] = requirement.get("values") or ()
    match requirement["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return bool(value)
    return not value


def _best_effort(spec: Obj) -> bool:
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    counted = ("cpu", "memory")
    return not any(
        name in counted
        for container in containers
        for prefix in ("requests", "limits")
        for name in (container.get("resources") or {}).get(prefix) or ()
    )


def _crosses_namespaces(spec: Obj) -> bool:
    affinity = spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        preferred = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [each["podAffinityTerm"] for each in preferred]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False
