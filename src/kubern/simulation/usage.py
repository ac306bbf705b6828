"""What virtual pods are said to use: what their annotations say, what they request otherwise. Counters grow from look to look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kubern.base.clock import Clock, parse_time, rfc3339_micro
from kubern.base.json import Obj
from kubern.base.quantity import parse

CPU, MEMORY = "simulation.kubern/cpu", "simulation.kubern/memory"
"""Annotations of a pod: what each of its containers uses, as quantities."""
_NANO = 10**9


class Counted(NamedTuple):
    """The counters of a container or node: when, core-seconds until then, bytes, and since when it runs (0 for a node). Times are epoch
    seconds."""

    time: float
    cpu: float
    memory: float
    start: float


class _Container(NamedTuple):
    """What a container is said to use."""

    name: str
    key: str
    cores: float
    memory: int
    since: float


class VirtualUsage:
    """The counters of virtual nodes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counters: dict[str, tuple[float, float]] = {}
        """By pod and container: when last looked at, and core-seconds until then."""
        self._known: dict[str, tuple[Obj, list[_Container]]] = {}
        """By pod's uid: the pod that was read, and what it says. Reading quantities costs more than all else here."""

    def counters(self, node: str, pods: Iterable[Obj]) -> dict[tuple[str, str, str], Counted]:
        """Return the counters of a node's containers by namespace, pod and name, and the node's own by `("", node, "")`."""
        now = self._clock.now().timestamp()
        found, cpu, memory = {}, 0.0, 0
        for pod in pods:
            if (pod.get("status") or {}).get("phase") != "Running":
                continue
            meta = pod["metadata"]
            for each in self._containers(pod, now):
                counter = self._count(each, now)
                found[meta["namespace"], meta["name"], each.name] = Counted(now, counter, each.memory, each.since)
                cpu, memory = cpu + counter, memory + each.memory
        found["", node, ""] = Counted(now, cpu, memory, 0.0)
        return found

    def summary(self, node: str, pods: Iterable[Obj]) -> Obj:
        """Return the `stats/v1alpha1` Summary of a node with these pods; those that do not run use nothing."""
        now = self._clock.now()
        time, seconds = rfc3339_micro(now), now.timestamp()
        listed = [self._pod(pod, time, seconds) for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
        return {"node": {"nodeName": node} | _total(listed, time), "pods": listed}

    def forget(self, pod: Obj) -> None:
        """Drop the counters of a pod that has gone."""
        uid = pod["metadata"]["uid"]
        self._known.pop(uid, None)
        for container in pod["spec"]["containers"]:
            self._counters.pop(f"{uid}/{container['name']}", None)

    def _containers(self, pod: Obj, now: float) -> list[_Container]:
        meta = pod["metadata"]
        known = self._known.get(meta["uid"])
        if known is not None and known[0] is pod:
            return known[1]
        started = (pod.get("status") or {}).get("startTime")
        since = parse_time(started).timestamp() if started else now
        read = [
            _Container(
                each["name"], f"{meta['uid']}/{each['name']}", *_used(meta.get("annotations") or {}, each), since
            )
            for each in pod["spec"]["containers"]
        ]
        self._known[meta["uid"]] = pod, read
        return read

    def _count(self, each: _Container, now: float) -> float:
        last, counter = self._counters.get(each.key, (each.since, 0.0))
        counter += each.cores * (now - last)
        self._counters[each.key] = (now, counter)
        return counter

    def _pod(self, pod: Obj, time: str, seconds: float) -> Obj:
        meta = pod["metadata"]
        started = (pod.get("status") or {}).get("startTime")
        containers = []
        for each in self._containers(pod, seconds):
            counter = int(self._count(each, seconds) * _NANO)
            containers.append({
                "name": each.name, "startTime": started,
                "cpu": {"time": time, "usageNanoCores": int(each.cores * _NANO), "usageCoreNanoSeconds": counter},
                "memory": {"time": time, "workingSetBytes": each.memory, "usageBytes": each.memory},
            })  # fmt: skip
        reference = {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
        return {"podRef": reference, "startTime": started, "containers": containers} | _total(containers, time)


def _used(annotations: Obj, container: Obj) -> tuple[float, int]:
    """Return cores and bytes; an annotation that is no quantity counts as none."""
    requests = (container.get("resources") or {}).get("requests") or {}
    return float(_amount(annotations.get(CPU), requests.get("cpu"))), int(
        _amount(annotations.get(MEMORY), requests.get("memory"))
    )


def _amount(said: str | None, requested: str | None) -> float:
    for text in (said, requested):
        if text:
            try:
                return float(parse(text))
            except ValueError:
                continue
    return 0.0


def _total(parts: Iterable[Obj], time: str) -> Obj:
    parts = list(parts)
    cpu = {name: sum(p["cpu"][name] for p in parts) for name in ("usageNanoCores", "usageCoreNanoSeconds")}
    memory = {name: sum(p["memory"][name] for p in parts) for name in ("workingSetBytes", "usageBytes")}
    return {"cpu": {"time": time} | cpu, "memory": {"time": time} | memory}
