"""The downward API: a pod's own fields and limits as text, for environment variables and files. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.base.quantity import parse

_ENTRY = re.compile(r"(metadata\.(?:labels|annotations))\['([^']*)'\]")


class Host(NamedTuple):
    """What a pod may learn of its node: addresses, and what can be allocated (quantities by resource)."""

    name: str
    ips: tuple[str, ...]
    allocatable: Mapping[str, str]
    pod_ips: tuple[str, ...] = ()
    """The pod's own addresses, which its object does not show yet."""


def field(pod: Obj, path: str, host: Host) -> str:
    """Return the pod's field at `path`, e.g. `metadata.labels['app']`. Raises `LookupError` for a path that is not offered."""
    entry = _ENTRY.fullmatch(path)
    if entry:
        entries: dict[str, str] = pod["metadata"].get(entry[1].partition(".")[2]) or {}
        return entries.get(entry[2], "")
    meta, spec = pod["metadata"], pod["spec"]
    status = pod.get("status") or {}
    pod_ips = host.pod_ips or tuple(each["ip"] for each in status.get("podIPs") or ())
    match path:
        case "metadata.name" | "metadata.namespace" | "metadata.uid":
            return str(meta.get(path.partition(".")[2], ""))
        case "metadata.labels" | "metadata.annotations":
            return format_map(meta.get(path.partition(".")[2]) or {})
        case "spec.nodeName":
            return str(spec.get("nodeName", ""))
        case "spec.serviceAccountName":
            return str(spec.get("serviceAccountName", ""))
        case "status.hostIP":
            return host.ips[0] if host.ips else ""
        case "status.hostIPs":
            return ",".join(host.ips)
        case "status.podIP":
            return pod_ips[0] if pod_ips else ""
        case "status.podIPs":
            return ",".join(pod_ips)
    raise LookupError(f"unsupported fieldPath: {path}")


def format_map(entries: Mapping[str, str]) -> str:
    """Return labels or annotations as the downward API writes them: one `key="value"` a line, sorted."""
    return "\n".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(entries.items()))


def resource(pod: Obj, container: Obj, reference: Obj, host: Host) -> str:
    """Return a container's limit or request in units of the reference's divisor, rounded up.

    A limit that is not set is what the node can allocate. Raises `LookupError` for an unknown container or resource.
    """
    name = reference.get("containerName")
    if name and name != container.get("name"):
        everyone = (*(pod["spec"].get("initContainers") or ()), *(pod["spec"].get("containers") or ()))
        container = next((each for each in everyone if each["name"] == name), {})
        if not container:
            raise LookupError(f"container {name} not found")
    side, _, wanted = reference["resource"].partition(".")
    if side not in ("limits", "requests") or not wanted:
        raise LookupError(f"unsupported container resource : {reference['resource']}")
    resources = container.get("resources") or {}
    text = (resources.get(side) or {}).get(wanted)
    if text is None and side == "limits":
        text = host.allocatable.get(wanted)
    amount = parse(text).milli() if text is not None else 0
    divisor = parse(reference.get("divisor") or "1").milli() or 1000
    return str(-(-amount // divisor))
