"""metrics.k8s.io/v1beta1 as objects: NodeMetrics, PodMetrics, and the resources' list. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.metrics.window import Usage

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"

RESOURCES: Obj = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": API_VERSION,
    "resources": [
        {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": ["get", "list"]},
        {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]},
    ],
}


def node_metrics(node: Obj, used: Usage) -> Obj:
    """Return the NodeMetrics of a node (its metadata is enough)."""
    return _head("NodeMetrics", node, used) | {"usage": _amounts(used)}


def pod_metrics(pod: Obj, containers: Mapping[str, Usage]) -> Obj:
    """Return the PodMetrics of a pod: its time is the earliest of its containers'."""
    first = min(containers.values(), key=lambda used: used.time)
    listed = [{"name": name, "usage": _amounts(used)} for name, used in containers.items()]
    return _head("PodMetrics", pod, first) | {"containers": listed}


def listed(kind: str, items: list[Obj]) -> Obj:
    """Return a list of metrics."""
    bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items]
    return {"kind": f"{kind}List", "apiVersion": API_VERSION, "metadata": {}, "items": bare}


def _head(kind: str, obj: Obj, used: Usage) -> Obj:
    given = obj["metadata"]
    metadata = {key: given[key] for key in ("name", "namespace", "labels") if given.get(key)}
    time = rfc3339(datetime.fromtimestamp(used.time, UTC))
    metadata["creationTimestamp"] = time
    window = f"{used.window:.3f}".rstrip("0").rstrip(".")
    return {
        "kind": kind,
        "apiVersion": API_VERSION,
        "metadata": metadata,
        "timestamp": time,
        "window": f"{window}s" if used.window < 60 else _minutes(used.window),
    }


def _minutes(seconds: float) -> str:
    whole, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(whole), 60)
    text = f"{rest:.3f}".rstrip("0").rstrip(".") or "0"
    return f"{hours}h{minutes}m{text}s" if hours else f"{minutes}m{text}s"


def _amounts(used: Usage) -> Obj:
    return {"cpu": f"{math.ceil(used.cpu * 1e9)}n" if used.cpu > 0 else "0", "memory": f"{int(used.memory) // 1024}Ki"}
