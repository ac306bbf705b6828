"""The servers behind the APIServices: what each is, what it has said of itself, and how it is asked.

Part of `Core`: the pipeline looks here for who answers a group version, discovery and OpenAPI for what to merge. What always holds:
`remotes` is exchanged whole and never changed. A server of this process (`attach`) is called without a connection.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kubern.apiserver.aggregation.remote import Remote
from kubern.apiserver.backends.access import Address, Backends, Unreachable
from kubern.apiserver.identity import MASTERS, User
from kubern.apiserver.webhooks.services import resolve, server_name
from kubern.apiserver.webhooks.trust import BadBundle, Trust
from kubern.base.errors import StatusError
from kubern.base.json import Obj
from kubern.http.channel import Channel
from kubern.http.client import fetch
from kubern.http.contract import Answer, Handler, Peer, Request, Response
from kubern.http.dial import dial_directly

AGGREGATOR = User("system:kube-aggregator", (MASTERS,))
"""As whom the server itself asks."""
DOCUMENT_LIMIT = 32 << 20
"""Bytes of a document (discovery, OpenAPI) that is taken from a server."""
_EXTRA_SAFE = "!#$%&'*+-.^_`|~"


class Said(NamedTuple):
    """A server's answer to a question of our own."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Extensions:
    """The group versions that other servers answer."""

    def __init__(self, backends: Backends, certificate: Path | None = None, key: Path | None = None) -> None:
        self._backends = backends
        self._trust = Trust(certificate, key)
        self._attached: dict[tuple[str, str], Handler] = {}
        self.remotes: Mapping[tuple[str, str], Remote] = {}
        """By group and version; the pipeline reads it at every request."""
        self.resources: dict[tuple[str, str], Sequence[Obj]] = {}
        """What the servers have said of their resources, in the form of aggregated discovery; nothing of those that fail."""

    def attach(self, namespace: str, service: str, handler: Handler) -> None:
        """Let `handler` answer what an APIService sends to a Service of this name, without a connection."""
        self._attached[namespace, service] = handler

    def attached(self, remote: Remote) -> Handler | None:
        """Return the handler of this process behind a group version, or None."""
        return self._attached.get((remote.namespace, remote.service))

    async def connect(self, remote: Remote) -> tuple[Channel, str]:
        """Open a connection to one of the service's endpoints and return it with the Host to ask for.

        Raises `StatusError` for a service that nothing is behind, `Unreachable`."""
        try:
            tls = self._trust.context(remote.ca_bundle, verify=remote.verify)
        except (BadBundle, OSError) as error:
            raise Unreachable(str(error)) from error
        endpoint = resolve(self._backends, remote.namespace, remote.service, remote.port)
        address = Address(endpoint.host, endpoint.port, tls, server_name(remote.namespace, remote.service))
        external = self._backends.get("services", remote.namespace, remote.service)["spec"].get("type")
        # a name outside the cluster is reached through the machine's own network
        dial = dial_directly if external == "ExternalName" else None
        return await self._backends.connect(address, dial), f"{address.server_name}:{remote.port}"

    async def ask(self, remote: Remote, path: str, accept: str, **headers: str) -> Said:
        """Get a document from a server. Raises `StatusError`, `Unreachable`, `ConnectionError`."""
        handler = self.attached(remote)
        if handler is not None:
            return await _asked_here(handler, path, {"accept": accept} | headers)
        channel, host = await self.connect(remote)
        sent = [("Host", host), ("Accept", accept), *identity_headers(AGGREGATOR), *headers.items()]
        fetched = await fetch(channel, "GET", path, sent)
        try:
            body = b""
            async for part in fetched.body():
                body += part
                if len(body) > DOCUMENT_LIMIT:
                    raise ConnectionError(f"the answer is larger than {DOCUMENT_LIMIT} bytes")
        finally:
            fetched.close()
        return Said(fetched.head.status, dict(fetched.head.headers), body)


async def _asked_here(handler: Handler, path: str, headers: Mapping[str, str]) -> Said:
    target, _, query = path.partition("?")
    answer: Answer
    answered = handler(Request("GET", target, query, headers, b"", Peer(user=AGGREGATOR, memo={}), path))
    answer = await answered if inspect.isawaitable(answered) else answered
    if not isinstance(answer, Response):
        raise ConnectionError("a stream where a document was expected")
    return Said(answer.status, {name.lower(): value for name, value in answer.headers}, bytes(answer.body))


def identity_headers(user: User) -> list[tuple[str, str]]:
    """Return the headers by which a server that trusts the front proxy learns who asks."""
    headers = [("X-Remote-User", user.name)]
    if user.uid:
        headers.append(("X-Remote-Uid", user.uid))
    headers += [("X-Remote-Group", group) for group in user.groups]
    headers += [
        (f"X-Remote-Extra-{escaped(key)}", value) for key, values in user.extra.items() for value in values
    ]  # fmt: skip
    return headers


def escaped(key: str) -> str:
    """Return the key of an extra as part of a header's name: what no header name may hold is percent-encoded."""
    return "".join(
        char if char.isascii() and (char.isalnum() or (char in _EXTRA_SAFE and char != "%")) else _encoded(char)
        for char in key
    )


def _encoded(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


FAILURES = (StatusError, Unreachable, ConnectionError, TimeoutError)
"""What asking a server may raise."""
