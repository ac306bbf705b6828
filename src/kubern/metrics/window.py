"""From counters to usage: the rate between the two latest readings of a container or node. Pure.

What always holds: a usage has a window of its own, from one reading to a later one; a counter that went back (a container that was started
again) starts over, and a container that is young counts from its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kubern.metrics.text import Sample

FRESH = 10.0
"""Seconds that a container must have run for its start to be the other end of its window."""

Id = tuple[str, str, str]
"""(namespace, pod, container); ("", node, "") for a node."""


class Reading(NamedTuple):
    """The counters at a time (seconds since the epoch); `start` is 0 when unknown."""

    time: float
    cpu: float
    memory: float
    start: float = 0.0


class Usage(NamedTuple):
    """Cores and bytes used in the `window` seconds before `time`."""

    time: float
    window: float
    cpu: float
    memory: float


def readings(node: str, found: Iterable[Sample], now: float) -> dict[Id, Reading]:
    """Return the readings in a node's `/metrics/resource`; what has no CPU or no memory is left out."""
    cpu: dict[Id, Sample] = {}
    memory: dict[Id, float] = {}
    starts: dict[Id, float] = {}
    for sample in found:
        scope, _, what = sample.name.partition("_")
        if scope == "node":
            key: Id = ("", node, "")
        elif scope == "container":
            labels = sample.labels
            key = (labels.get("namespace", ""), labels.get("pod", ""), labels.get("container", ""))
        else:
            continue
        if what == "cpu_usage_seconds_total":
            cpu[key] = sample
        elif what == "memory_working_set_bytes":
            memory[key] = sample.value
        elif what == "start_time_seconds":
            starts[key] = sample.value
    return {
        key: Reading(sample.time or now, sample.value, memory[key], starts.get(key, 0.0))
        for key, sample in cpu.items()
        if key in memory
    }


def usage(before: Reading | None, last: Reading, resolution: float) -> Usage | None:
    """Return the usage up to `last`; None while one cannot be told."""
    if before is not None and last.time > before.time and last.cpu >= before.cpu and last.start <= before.time:
        window = last.time - before.time
        return Usage(last.time, window, (last.cpu - before.cpu) / window, last.memory)
    age = last.time - last.start
    if last.start and FRESH <= age < 2 * resolution:
        return Usage(last.time, age, last.cpu / age, last.memory)
    return None


class Window:
    """The two latest readings of everything."""

    def __init__(self, resolution: float) -> None:
        self._resolution = resolution
        self._latest: dict[str, Mapping[Id, Reading]] = {}
        self._usages: dict[str, Mapping[Id, Usage]] = {}

    def take(self, node: str, found: Mapping[Id, Reading]) -> None:
        """Take a node's newest readings; a reading of the same time as the one before changes nothing."""
        held, known = self._latest.get(node, {}), self._usages.get(node, {})
        usages = {}
        for key, reading in found.items():
            before = held.get(key)
            if before is not None and before.time == reading.time and key in known:
                usages[key] = known[key]
                continue
            used = usage(before, reading, self._resolution)
            if used is not None:
                usages[key] = used
        self._latest[node], self._usages[node] = found, usages

    def keep(self, nodes: Iterable[str]) -> None:
        """Forget every other node."""
        kept = set(nodes)
        for held in (self._latest, self._usages):
            for node in [node for node in held if node not in kept]:
                del held[node]

    def node(self, name: str) -> Usage | None:
        """Return a node's usage."""
        return self._usages.get(name, {}).get(("", name, ""))

    def pods(self) -> dict[tuple[str, str], dict[str, Usage]]:
        """Return the usage of every pod's containers, by namespace and name."""
        found: dict[tuple[str, str], dict[str, Usage]] = {}
        for usages in self._usages.values():
            for (namespace, pod, container), used in usages.items():
                if container:
                    found.setdefault((namespace, pod), {})[container] = used
        return found
