"""Finding the object that a request names and opening a connection to the node or pod behind it."""

from __future__ import annotations

import errno
import random
import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kubern.base.errors import BadRequest, NotFound
from kubern.base.json import Obj
from kubern.http.channel import Channel
from kubern.http.dial import Dial, open_channel

Find = Callable[[str, str, str], Obj | None]
"""`find(plural, namespace, name)` returns an object or None; the namespace is empty for nodes."""

Slices = Callable[[str, str], Sequence[Obj]]
"""`slices(namespace, service)` returns a Service's EndpointSlices."""

_ADDRESS_TYPES = ("InternalIP", "Hostname", "InternalDNS", "ExternalIP", "ExternalDNS")
_KUBELET_PORT = 10250
_REASONS = {
    errno.ECONNREFUSED: "connect: connection refused", errno.EHOSTUNREACH: "connect: no route to host",
    errno.ENETUNREACH: "connect: network is unreachable", errno.ETIMEDOUT: "connect: connection timed out",
}  # fmt: skip
_EXPIRED = "certificate has expired or is not yet valid"
_DISTRUST = dict.fromkeys((18, 19, 20, 21), "certificate signed by unknown authority") | dict.fromkeys(
    (9, 10), _EXPIRED
)
"""OpenSSL's numbers of what is wrong with a certificate."""


class Address(NamedTuple):
    """Where to connect. `tls` None: plain TCP. `server_name` is the name in the server's certificate, `host` when it is empty."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str = ""

    @property
    def authority(self) -> str:
        """`host:port`, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Unreachable(Exception):
    """A connection could not be opened; the text is what upstream's dialer says."""


class Backends:
    """What the subresources need. `kubelet_tls(verify)` gives the context with the apiserver's kubelet-client certificate;
    `dial` opens sockets towards nodes and pods; `rng` chooses among a service's endpoints."""

    def __init__(
        self,
        find: Find,
        dial: Dial,
        kubelet_tls: Callable[[bool], ssl.SSLContext],
        rng: random.Random,
        slices: Slices = lambda namespace, service: (),
    ) -> None:
        self._find = find
        self._slices = slices
        self.dial = dial
        """May be replaced by one that opens sockets in the nodes' network."""
        self.served_as: Callable[[str], str] = lambda host: ""
        """By which name the kubelet at an address proves itself; empty: by the address. May be replaced likewise."""
        self.kubelet_tls = kubelet_tls
        self.rng = rng

    def slices(self, namespace: str, service: str) -> Sequence[Obj]:
        """Return a Service's EndpointSlices."""
        return self._slices(namespace, service)

    def get(self, plural: str, namespace: str, name: str) -> Obj:
        """Return an object. Raises `NotFound`."""
        found = self._find(plural, namespace, name)
        if found is None:
            raise NotFound(f'{plural} "{name}" not found', kind=plural, name=name)
        return found

    def find(self, plural: str, namespace: str, name: str) -> Obj | None:
        """Return an object or None."""
        return self._find(plural, namespace, name)

    def kubelet(self, node_name: str, *, verify: bool = True) -> Address:
        """Return a node's kubelet's address. Raises `NotFound` and `BadRequest` for a node without any address."""
        status = self.get("nodes", "", node_name).get("status") or {}
        endpoint = (status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
        host, port = node_address(status, node_name), endpoint.get("Port") or _KUBELET_PORT
        return Address(host, port, self.kubelet_tls(verify), self.served_as(host))

    async def connect(self, address: Address, dial: Dial | None = None) -> Channel:
        """Open a connection, by `dial` when the address is not one of a node or pod. Raises `Unreachable`."""
        try:
            return await open_channel(dial or self.dial, address.host, address.port, address.tls, address.server_name)
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(_unverified(error)) from error
        except ssl.SSLError as error:
            raise Unreachable(f"tls: {error.reason}") from error
        except TimeoutError as error:
            raise Unreachable(f"dial tcp {address.authority}: i/o timeout") from error
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, str(error))
            raise Unreachable(f"dial tcp {address.authority}: {reason}") from error


def _unverified(error: ssl.SSLCertVerificationError) -> str:
    """Return why a server's certificate is not trusted, in upstream's words where it has some."""
    said = _DISTRUST.get(error.verify_code, error.verify_message)
    return f"tls: failed to verify certificate: x509: {said}"


def node_address(status: Obj, name: str) -> str:
    """Return the address to reach a node by. Raises `BadRequest` when its status names none."""
    addresses = {a["type"]: a["address"] for a in reversed(status.get("addresses") or ())}
    for kind in _ADDRESS_TYPES:
        if addresses.get(kind):
            return str(addresses[kind])
    raise BadRequest(f"no preferred addresses found; known addresses: {list(addresses.values())} of node {name!r}")


def assigned_node(pod: Obj) -> str:
    """Return the node that a pod is bound to. Raises `BadRequest`."""
    node = pod["spec"].get("nodeName")
    if not node:
        raise BadRequest(f"pod {pod['metadata']['name']} does not have a host assigned")
    return str(node)


def chosen_container(pod: Obj, container: str) -> str:
    """Return the container that a request means. Raises `BadRequest` when it has to name one, or the pod has none of that name."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    names, init, ephemeral = (
        [c["name"] for c in spec.get(field) or ()] for field in ("containers", "initContainers", "ephemeralContainers")
    )
    if container:
        if container not in names + init + ephemeral:
            raise BadRequest(f"container {container} is not valid for pod {name}")
        return container
    if len(names) == 1:
        return str(names[0])
    message = f"a container name must be specified for pod {name}"
    if names:
        message += f", choose one of: [{' '.join(names)}]"
        if init:
            message += f" or one of the init containers: [{' '.join(init)}]"
    raise BadRequest(message)
