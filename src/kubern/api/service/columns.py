"""The columns that `kubectl get services` shows. Called by the Service resource."""

from __future__ import annotations

from kubern.api.rules.cells import AGE, NAME, NONE, column, labels_text, text
from kubern.api.rules.values import at
from kubern.base.json import Obj


def _address(service: Obj) -> str:
    addresses = at(service, "spec.clusterIPs") or []
    return addresses[0] if addresses else NONE


def external_address(service: Obj) -> str:
    """Return where the Service is reached from outside: addresses, a name, `<pending>` or `<none>`."""
    spec = service.get("spec") or {}
    extra = spec.get("externalIPs") or []
    if spec.get("type") == "ExternalName":
        return spec.get("externalName") or ""
    if spec.get("type") == "LoadBalancer":
        found = [entry.get("ip") or entry.get("hostname") for entry in at(service, "status.loadBalancer.ingress") or ()]
        return ",".join([*(entry for entry in found if entry), *extra]) or "<pending>"
    return ",".join(extra) or NONE


def ports_text(service: Obj) -> str:
    """Return the ports as `80/TCP,443:30443/TCP`."""
    parts = []
    for port in at(service, "spec.ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        parts.append(f"{port.get('port')}{node}/{port.get('protocol')}")
    return ",".join(parts) or NONE


COLUMNS = (
    NAME,
    text("Type", "spec.type", "How the Service is reached."),
    column("Cluster-IP", _address, "Its address inside the cluster."),
    column("External-IP", external_address, "Where it is reached from outside."),
    column("Port(s)", ports_text, "Its ports, each with its node port and protocol."),
    AGE,
    column("Selector", lambda service: labels_text(at(service, "spec.selector")), "The labels of its pods.", wide=True),
)
