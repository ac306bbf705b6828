"""Where a service reference leads: one of the Service's ready endpoints, or the name that an ExternalName stands for.

The certificate behind it is for `<name>.<namespace>.svc`, whatever the address.
"""

from __future__ import annotations

from typing import NamedTuple

from kubern.apiserver.backends.access import Backends
from kubern.base.errors import NotFound, ServiceUnavailable
from kubern.base.json import Obj


class Endpoint(NamedTuple):
    """An address to connect to."""

    host: str
    port: int


def server_name(namespace: str, name: str) -> str:
    """Return the name that the certificate of a service's server has to be for."""
    return f"{name}.{namespace}.svc"


def resolve(backends: Backends, namespace: str, name: str, port: int) -> Endpoint:
    """Return where to connect. Raises `NotFound` for a missing Service, `ServiceUnavailable` for one that nothing is ready behind."""
    service = backends.find("services", namespace, name)
    if service is None:
        raise NotFound(f'service "{name}" not found', kind="service", name=name)
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return Endpoint(str(spec.get("externalName") or ""), port)
    declared = next((p for p in spec.get("ports") or () if p["port"] == port), None)
    if declared is None:
        raise ServiceUnavailable(f'no service port {port} found for service "{name}"')
    ready = ready_addresses(backends, namespace, name, declared.get("name") or "")
    if not ready:
        raise ServiceUnavailable(f'no endpoints available for service "{name}"')
    return backends.rng.choice(ready)


def ready_addresses(backends: Backends, namespace: str, name: str, port_name: str) -> list[Endpoint]:
    """Return where a Service's port of this name is answered: what its EndpointSlices say, its Endpoints when it has no slices."""
    slices = backends.slices(namespace, name)
    if not slices:
        return ready_endpoints(backends.find("endpoints", namespace, name) or {}, port_name)
    return [
        Endpoint(address, port["port"])
        for one in slices
        for port in one.get("ports") or ()
        if (port.get("name") or "") == port_name and port.get("port")
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in (endpoint.get("addresses") or ())[:1]
    ]


def ready_endpoints(endpoints: Obj, port_name: str) -> list[Endpoint]:
    """Return the ready addresses of an Endpoints object with the port of this name."""
    return [
        Endpoint(address["ip"], port["port"])
        for subset in endpoints.get("subsets") or ()
        for port in subset.get("ports") or ()
        if (port.get("name") or "") == port_name
        for address in subset.get("addresses") or ()
    ]
