"""What virtual pods are said to use: what their annotations say, what they request otherwise. Counters grow from look to look."""

from __future__ import annotations

from collections.abc import Iterable

from kubern.base.clock import Clock, parse_time, rfc3339_micro
from kubern.base.json import Obj
from kubern.base.quantity import parse

CPU, MEMORY = "simulation.kubern/cpu", "simulation.kubern/memory"
"""Annotations of a pod: what each of its containers uses, as quantities."""
_NANO = 10**9


class VirtualUsage:
    """The counters of virtual nodes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counters: dict[str, tuple[float, float]] = {}
        """By pod and container: when last looked at, and core-seconds until then."""

    def summary(self, node: str, pods: Iterable[Obj]) -> Obj:
        """Return the `stats/v1alpha1` Summary of a node with these pods; those that do not run use nothing."""
        now = self._clock.now()
        time, seconds = rfc3339_micro(now), now.timestamp()
        listed = [self._pod(pod, time, seconds) for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
        return {"node": {"nodeName": node} | _total(listed, time), "pods": listed}

    def forget(self, pod: Obj) -> None:
        """Drop the counters of a pod that has gone."""
        uid = pod["metadata"]["uid"]
        for container in pod["spec"]["containers"]:
            self._counters.pop(f"{uid}/{container['name']}", None)

    def _pod(self, pod: Obj, time: str, seconds: float) -> Obj:
        meta = pod["metadata"]
        started = (pod.get("status") or {}).get("startTime")
        since = parse_time(started).timestamp() if started else seconds
        containers = []
        for container in pod["spec"]["containers"]:
            key = f"{meta['uid']}/{container['name']}"
            cores, memory = _used(meta.get("annotations") or {}, container)
            last, counter = self._counters.get(key, (since, 0.0))
            counter += cores * (seconds - last)
            self._counters[key] = (seconds, counter)
            containers.append({
                "name": container["name"], "startTime": started,
                "cpu": {"time": time, "usageNanoCores": int(cores * _NANO), "usageCoreNanoSeconds": int(counter * _NANO)},
                "memory": {"time": time, "workingSetBytes": memory, "usageBytes": memory},
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
