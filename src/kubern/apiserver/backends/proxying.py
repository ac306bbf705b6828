"""`/proxy` of pods, services and nodes: the request goes on to what the object stands for.

Bodies and answers are passed through; HTML pages are not rewritten, only a redirect's Location is.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from kubern.apiserver.backends.access import Address, Backends, Unreachable, node_address
from kubern.base.errors import BadRequest, ServiceUnavailable
from kubern.base.json import Obj
from kubern.http.client import HOP_BY_HOP, Fetched, fetch
from kubern.http.contract import Answer, Request, Response
from kubern.http.relay import forwarded_headers, is_upgrade, passed_on
from kubern.http.streaming import produced
from kubern.http.tls import client_context

_ID = re.compile(r"^(?:(https?|):)?([^:]+)(?::([^:]*))?$")
_WHOLE = 1 << 20
"""An answer of a known length up to this many bytes is passed on whole, with its length."""


class Target(NamedTuple):
    """The object named in a proxy request: `[scheme:]name[:port]`."""

    scheme: str
    name: str
    port: str


def parse_id(kind: str, text: str) -> Target:
    """Read `[scheme:]name[:port]`. Raises `BadRequest`."""
    found = _ID.match(text)
    if found is None:
        raise BadRequest(f"invalid {kind} request {text!r}".replace("'", '"'))
    return Target(found[1] or "", found[2], found[3] or "")


def pod_address(backends: Backends, namespace: str, id: str) -> Address:
    """Return where a pod's proxy leads: the port asked for, or the first that a container declares."""
    target = parse_id("pod", id)
    pod = backends.get("pods", namespace, target.name)
    status = pod.get("status") or {}
    host = (status.get("podIPs") or [{}])[0].get("ip") or status.get("podIP")
    if not host:
        raise BadRequest("address not allowed")
    declared = [p["containerPort"] for c in pod["spec"]["containers"] for p in c.get("ports") or ()]
    port = _port(target.port, "pod", id) if target.port else (declared[0] if declared else 0)
    return _address(target.scheme, host, port)


def service_address(backends: Backends, namespace: str, id: str) -> Address:
    """Return one of a service's ready endpoints. Raises `ServiceUnavailable` when there is none."""
    target = parse_id("service", id)
    service = backends.get("services", namespace, target.name)
    ports = service["spec"].get("ports") or []
    wanted = target.port
    if wanted:
        named = [p for p in ports if p.get("name", "") == wanted or str(p["port"]) == wanted]
        if not named:
            raise ServiceUnavailable(f'no service port "{wanted}" found for service "{target.name}"')
        wanted = named[0].get("name", "")
    elif len(ports) > 1 and all(p.get("name") for p in ports):
        raise ServiceUnavailable(f'no endpoints available for service "{id}"')
    endpoints = backends.find("endpoints", namespace, target.name)
    found = _ready(endpoints or {}, wanted)
    if not found:
        raise ServiceUnavailable(f'no endpoints available for service "{id}"')
    host, port = backends.rng.choice(found)
    return _address(target.scheme, host, port)


def _ready(endpoints: Obj, port_name: str) -> list[tuple[str, int]]:
    return [
        (address["ip"], port["port"])
        for subset in endpoints.get("subsets") or ()
        for port in subset.get("ports") or ()
        if port.get("name", "") == port_name
        for address in subset.get("addresses") or ()
    ]


def node_proxy_address(backends: Backends, id: str) -> Address:
    """Return a node's kubelet, or another port of the node."""
    target = parse_id("node", id)
    kubelet = backends.kubelet(target.name)
    if not target.port or target.port == str(kubelet.port):
        return kubelet
    status = backends.get("nodes", "", target.name).get("status") or {}
    return _address(target.scheme, node_address(status, target.name), _port(target.port, "node", id))


def _port(text: str, kind: str, id: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise BadRequest(f'invalid {kind} request "{id}"')
    return int(text)


def _address(scheme: str, host: str, port: int) -> Address:
    if scheme == "https":
        # As upstream: nobody vouches for the certificates of pods, so they are not looked at.
        return Address(host, port or 443, client_context(verify=False))
    return Address(host, port or 80)


async def proxy(backends: Backends, request: Request, address: Address) -> Answer:
    """Pass a request on to `address`; what follows `/proxy` in its path is the path there. Raises `ServiceUnavailable`."""
    prefix, rest = split_path(request.raw_path or request.path)
    query = f"?{request.query}" if request.query else ""
    if not rest and request.method in ("GET", "HEAD"):
        return Response(301, (("Location", f"{prefix}/{query}"),))  # so that relative links work
    target = (rest or "/") + query
    try:
        channel = await backends.connect(address)
        if is_upgrade(request):
            return await passed_on(request, channel, address.authority, target)
        headers = [("Host", address.authority), *forwarded_headers(request)]
        headers += [
            ("X-Forwarded-Uri", prefix + (rest or "/")),
            ("X-Forwarded-For", request.peer.address or "127.0.0.1"),
        ]
        fetched = await fetch(channel, request.method, target, headers, request.body)
    except (Unreachable, ConnectionError) as error:
        raise ServiceUnavailable(f"error trying to reach service: {error}") from error
    return await _answer(fetched, request.method, address, prefix)


def split_path(path: str) -> tuple[str, str]:
    """Split a proxy request's path after `/proxy`: `/api/v1[/namespaces/ns]/pods/name/proxy` and the rest."""
    parts = path.split("/")
    depth = 8 if len(parts) > 3 and parts[3] == "namespaces" else 6
    rest = "/".join(parts[depth:])
    return "/".join(parts[:depth]), f"/{rest}" if len(parts) > depth else ""


async def _answer(fetched: Fetched, method: str, address: Address, prefix: str) -> Answer:
    head = fetched.head
    headers = tuple(
        (name, _location(value, address, prefix) if name == "location" else value)
        for name, value in head.headers
        if name not in HOP_BY_HOP and name not in ("content-length", "date")
    )
    length = head.get("content-length")
    if length.isdigit() and int(length) <= _WHOLE and method != "HEAD":
        try:
            body = b"".join([part async for part in fetched.body()])
        except ConnectionError as error:
            raise ServiceUnavailable(f"error trying to reach service: {error}") from error
        finally:
            fetched.close()
        return Response(head.status, headers, body)

    if method == "HEAD" or head.status in (204, 304):
        fetched.close()
        return Response(head.status, headers)
    return produced(head.status, headers, fetched.copy_to, fetched.close)


def _location(value: str, address: Address, prefix: str) -> str:
    """Return where a redirect leads as the client sees it: below the proxy, unless it leads to another host."""
    parts = urlsplit(value)
    if parts.netloc and parts.netloc not in (address.host, address.authority):
        return value
    if not parts.netloc and not value.startswith("/"):
        return value
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    return parts._replace(scheme="", netloc="", path=prefix + path).geturl()
