"""`/metrics/resource`: what the stats summary says of CPU and memory, as Prometheus text with upstream's names.

Called by the kubelet's API, and for virtual nodes. Read by whatever answers metrics.k8s.io.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kubern.base.json import Obj

_NANO = 10**9
_FAMILIES = (
    ("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the container in core-seconds"),
    ("container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes"),
    ("container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds"),
    ("node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node in core-seconds"),
    ("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes"),
    ("pod_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the pod in core-seconds"),
    ("pod_memory_working_set_bytes", "gauge", "Current working set of the pod in bytes"),
    ("resource_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise"),
)


def resource_metrics(summary: Obj) -> bytes:
    """Return a `stats/v1alpha1` Summary as `/metrics/resource` shows it."""
    lines: dict[str, list[str]] = {name: [] for name, _, _ in _FAMILIES}
    _add(lines, "node", "", summary.get("node") or {})
    for pod in summary.get("pods") or ():
        reference = pod["podRef"]
        own = f'namespace="{reference["namespace"]}",pod="{reference["name"]}"'
        _add(lines, "pod", own, pod)
        for container in pod.get("containers") or ():
            labels = f'container="{container["name"]}",{own}'
            _add(lines, "container", labels, container)
            started = _seconds(container.get("startTime"))
            if started:
                lines["container_start_time_seconds"].append(f"container_start_time_seconds{{{labels}}} {started:.3f}")
    lines["resource_scrape_error"].append("resource_scrape_error 0")
    return "".join(_written(lines)).encode()


def _written(lines: dict[str, list[str]]) -> Iterator[str]:
    for name, kind, text in _FAMILIES:
        if lines[name]:
            yield f"# HELP {name} [STABLE] {text}\n# TYPE {name} {kind}\n"
            yield "\n".join(lines[name]) + "\n"


def _add(lines: dict[str, list[str]], scope: str, labels: str, stats: Obj) -> None:
    shown = f"{{{labels}}}" if labels else ""
    for name, part, field, unit in (
        (f"{scope}_cpu_usage_seconds_total", "cpu", "usageCoreNanoSeconds", _NANO),
        (f"{scope}_memory_working_set_bytes", "memory", "workingSetBytes", 1),
    ):
        found = stats.get(part) or {}
        if found.get(field) is not None:
            stamp = int(_seconds(found.get("time")) * 1000)
            value = found[field] / unit if unit > 1 else found[field]
            lines[name].append(f"{name}{shown} {value} {stamp}" if stamp else f"{name}{shown} {value}")


def _seconds(time: str | None) -> float:
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() if time else 0.0
