"""What a pod asks of a node, as whole numbers.

Source: the Kubernetes documentation, "Resource sharing within containers" and KEP-753 (sidecar containers).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.base.quantity import parse

DEFAULT_CPU = 100
"""Millicores that a container without a request counts for in scores."""
DEFAULT_MEMORY = 200 * 1024 * 1024

_LARGEST = 2**53
"""Amounts above (8 PiB) are as good as infinite; a thousand of them still add up in 64 bits."""


class PodRequests(NamedTuple):
    """A pod's requests: (resource, amount) pairs, cpu in millicores, and its host ports as (protocol, ip, port)."""

    amounts: tuple[tuple[str, int], ...]
    nonzero_cpu: int
    nonzero_memory: int
    ports: tuple[tuple[str, str, int], ...]


def amounts(quantities: Mapping[str, str | int]) -> dict[str, int]:
    """Return quantities as whole numbers, rounded up: millicores for cpu, units for everything else."""
    found = {}
    for resource, text in quantities.items():
        quantity = parse(text)
        found[resource] = min(quantity.milli() if resource == "cpu" else quantity.value(), _LARGEST)
    return found


def pod_requests(pod: Obj) -> PodRequests:
    """Return what a pod asks for: its containers together, or its hungriest moment of initialization if that is more."""
    spec = pod["spec"]
    plain = _total(spec, {})
    guessed = _total(spec, {"cpu": DEFAULT_CPU, "memory": DEFAULT_MEMORY})
    ports = {
        (port.get("protocol", "TCP"), port.get("hostIP") or "0.0.0.0", port["hostPort"])
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    }
    asked = tuple(sorted((resource, amount) for resource, amount in plain.items() if amount))
    return PodRequests(asked, guessed.get("cpu", 0), guessed.get("memory", 0), tuple(sorted(ports)))


def _total(spec: Obj, defaults: Mapping[str, int]) -> dict[str, int]:
    """Sum a pod's requests; a container that asks for nothing of a resource in `defaults` counts for that much."""
    running: dict[str, int] = {}
    for container in spec.get("containers") or ():
        _add(running, _asked(container, defaults))
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        asked = _asked(container, defaults)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, asked)
            moment = dict(sidecars)
        else:
            moment = dict(sidecars)
            _add(moment, asked)
        for resource, amount in moment.items():
            peak[resource] = max(peak.get(resource, 0), amount)
    _add(running, sidecars)
    for resource, amount in peak.items():
        running[resource] = max(running.get(resource, 0), amount)
    pod_level = (spec.get("resources") or {}).get("requests")
    if pod_level:
        running |= amounts(pod_level)
    _add(running, amounts(spec.get("overhead") or {}))
    return running


def _asked(container: Obj, defaults: Mapping[str, int]) -> dict[str, int]:
    return {**defaults, **amounts((container.get("resources") or {}).get("requests") or {})}


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for resource, amount in more.items():
        total[resource] = total.get(resource, 0) + amount
