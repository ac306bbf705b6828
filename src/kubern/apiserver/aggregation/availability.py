"""Whether the server behind an APIService answers: the Available condition, with upstream's reasons and messages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from kubern.apiserver.aggregation.extensions import FAILURES, Extensions
from kubern.apiserver.aggregation.remote import Remote
from kubern.apiserver.backends.access import Backends
from kubern.apiserver.webhooks.services import ready_addresses, server_name
from kubern.base.clock import rfc3339
from kubern.base.json import Obj

TIMEOUT = 5.0
"""Seconds that a server may take to answer."""
AVAILABLE = "Available"


def available(status: str, reason: str, message: str, now: datetime) -> Obj:
    """Return an Available condition that changed `now`."""
    return {
        "type": AVAILABLE,
        "status": status,
        "lastTransitionTime": rfc3339(now),
        "reason": reason,
        "message": message,
    }


def local(now: datetime) -> Obj:
    """Return the condition of what this server answers itself."""
    return available("True", "Local", "Local APIServices are always available", now)


def missing(backends: Backends, remote: Remote) -> tuple[str, str] | None:
    """Return reason and message of what the cluster lacks for `remote` to be asked; None when it may be."""
    namespace, name = remote.namespace, remote.service
    service = backends.find("services", namespace, name)
    quoted = f'service/{name} in "{namespace}"'
    if service is None:
        return "ServiceNotFound", f"{quoted} is not present"
    spec = service["spec"]
    if spec.get("type", "ClusterIP") != "ClusterIP":
        return None
    port = next((p for p in spec.get("ports") or () if p.get("port") == remote.port), None)
    if port is None:
        return "ServicePortError", f"{quoted} is not listening on port {remote.port}"
    slices, found = backends.slices(namespace, name), backends.find("endpoints", namespace, name)
    if not slices and found is None:
        return "EndpointsNotFound", f"cannot find endpointslices for {quoted}"
    port_name = port.get("name") or ""
    if not ready_addresses(backends, namespace, name, port_name):
        return "MissingEndpoints", f'endpointslices for {quoted} have no addresses with port name "{port_name}"'
    return None


async def check(extensions: Extensions, backends: Backends, remote: Remote) -> tuple[str, str, str]:
    """Return status, reason and message of a group version's Available condition."""
    if extensions.attached(remote) is None:
        lacking = missing(backends, remote)
        if lacking is not None:
            return ("False", *lacking)
    shown = _address(backends, remote)
    try:
        async with asyncio.timeout(TIMEOUT):
            said = await extensions.ask(remote, f"/{remote.path}", "application/json")
    except TimeoutError:
        text = f'Get "{shown}": context deadline exceeded'
        return "False", "FailedDiscoveryCheck", f"failing or missing response from {shown}: {text}"
    except FAILURES as error:
        text = f'Get "{shown}": {error}'
        return "False", "FailedDiscoveryCheck", f"failing or missing response from {shown}: {text}"
    if not 200 <= said.status < 300:
        text = f"bad status from {shown}: {said.status}"
        return "False", "FailedDiscoveryCheck", f"failing or missing response from {shown}: {text}"
    return "True", "Passed", "all checks passed"


def _address(backends: Backends, remote: Remote) -> str:
    """Return the URL by which messages name the server: at its Service's address."""
    spec = (backends.find("services", remote.namespace, remote.service) or {}).get("spec") or {}
    host = spec.get("externalName") or spec.get("clusterIP") or server_name(remote.namespace, remote.service)
    return f"https://{host}:{remote.port}/{remote.path}"


def shown_in(conditions: Sequence[Obj], condition: Obj) -> bool:
    """Whether conditions say already what `condition` says."""
    keys = ("type", "status", "reason", "message")
    return any(all(one.get(key) == condition[key] for key in keys) for one in conditions)
