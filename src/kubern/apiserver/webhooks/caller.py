"""One question to a webhook: an object posted over HTTPS, the answer's object read back.

Called by the admission webhooks and by the conversion of custom resources: `await core.webhooks.post(client_config, obj, seconds)`.
What always holds: a call ends within its time, and no more than `ANSWER_LIMIT` bytes of an answer are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from kubern.apiserver.backends.access import Address, Backends, Unreachable
from kubern.apiserver.webhooks.services import resolve, server_name
from kubern.apiserver.webhooks.trust import BadBundle, Trust
from kubern.base.errors import StatusError
from kubern.base.json import Obj
from kubern.http.channel import Channel
from kubern.http.client import Fetched, Unanswered, fetch
from kubern.http.dial import Dial, dial_directly
from kubern.http.pool import Pool

ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes of an answer: conversions answer with every object that they were sent."""
_DEFAULT_PORT = 443
_REFUSALS = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    403: "the server does not allow access to the requested resource",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    413: "the request is too large",
    415: "the server was unable to interpret the media type of the request",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",
}


class WebhookFailed(Exception):
    """A webhook could not be asked, or its answer not be understood; the text is upstream's, without the webhook's name."""


class Target(NamedTuple):
    """What a clientConfig says: the address as its URL has it, and the Service behind it, if there is one."""

    host: str
    port: int
    path: str
    service: tuple[str, str] | None = None
    """Namespace and name."""
    query: str = ""

    def url(self, query: str) -> str:
        """Return the URL as error messages name it."""
        shown = self.host if self.service is None and self.port == _DEFAULT_PORT else f"{self.host}:{self.port}"
        return f"https://{shown}{self.path}?{query}" if query else f"https://{shown}{self.path}"


def target_of(config: Obj) -> Target:
    """Read a clientConfig (of a webhook or of a conversion). Raises `WebhookFailed`."""
    service = config.get("service")
    if service:
        namespace, name = service.get("namespace") or "", service.get("name") or ""
        path = "/" + (service.get("path") or "").lstrip("/")
        return Target(
            server_name(namespace, name), service.get("port") or _DEFAULT_PORT, path, (namespace, name)
        )  # fmt: skip
    parts = urlsplit(config.get("url") or "")
    if parts.scheme != "https" or not parts.hostname:
        raise WebhookFailed("webhook configuration must have either service or URL")
    try:
        port = parts.port or _DEFAULT_PORT
    except ValueError as error:
        raise WebhookFailed(f'parse "{config["url"]}": invalid port') from error
    return Target(parts.hostname, port, parts.path or "/", None, parts.query)


class WebhookCaller:
    """Asks webhooks. `backends` finds Services and dials towards pods; what a URL names is reached through the machine's own
    network."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._trust = Trust()
        self._pool = Pool()

    def close(self) -> None:
        """Let go of the connections that are kept."""
        self._pool.close()

    async def post(self, config: Obj, obj: Obj, seconds: float) -> Obj:
        """Send `obj` to where a clientConfig leads and return the object that is answered.

        Raises `WebhookFailed` when that does not work out within `seconds`."""
        target = target_of(config)
        query = "&".join(filter(None, (target.query, f"timeout={_duration(seconds)}")))
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(target, query, config.get("caBundle") or "", orjson.dumps(obj))
        except TimeoutError as error:
            raise WebhookFailed(f'Post "{target.url(query)}": context deadline exceeded') from error
        except (Unreachable, ConnectionError, StatusError, BadBundle) as error:
            raise WebhookFailed(f'Post "{target.url(query)}": {error}') from error

    async def _ask(self, target: Target, query: str, ca_bundle: str, body: bytes) -> Obj:
        tls = self._trust.context(ca_bundle)
        dial: Dial | None = dial_directly
        address = Address(target.host, target.port, tls)
        if target.service is not None:
            endpoint = resolve(self._backends, *target.service, target.port)
            dial, address = None, Address(endpoint.host, endpoint.port, tls, target.host)
        host = f"[{target.host}]" if ":" in target.host else target.host
        headers = [
            ("Host", f"{host}:{target.port}"), ("Content-Type", "application/json"), ("Accept", "application/json, */*"),
            ("User-Agent", "kube-apiserver-admission"),
        ]  # fmt: skip
        send = partial(fetch, method="POST", target=f"{target.path}?{query}", headers=headers, body=body, keep=True)
        channel, fetched = await self._send(address, dial, send)
        try:
            answer = await _read(fetched)
        except BaseException:
            fetched.close()
            raise
        if fetched.reusable:
            self._pool.put(address, channel)
        else:
            fetched.close()
        return answer

    async def _send(
        self, address: Address, dial: Dial | None, send: Callable[[Channel], Awaitable[Fetched]]
    ) -> tuple[Channel, Fetched]:
        """Send over a connection that was kept, or over a new one if there is none or it turns out to have been closed meanwhile."""
        channel = self._pool.take(address)
        if channel is not None:
            try:
                return channel, await send(channel)
            except Unanswered:
                pass
        channel = await self._backends.connect(address, dial)
        return channel, await send(channel)


async def _read(fetched: Fetched) -> Obj:
    """Return the object in an answer. Raises `WebhookFailed`."""
    parts, size = [], 0
    async for part in fetched.body():
        size += len(part)
        if size > ANSWER_LIMIT:
            raise WebhookFailed(f"the answer is larger than {ANSWER_LIMIT} bytes")
        parts.append(part)
    body = b"".join(parts)
    status = fetched.head.status
    if not 200 <= status < 300:
        raise WebhookFailed(_refusal(status, body))
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise WebhookFailed(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(answer, dict):
        raise WebhookFailed("couldn't get version/kind; json parse error: the answer is not an object")
    return answer


def _refusal(status: int, body: bytes) -> str:
    """Return what upstream's client says of an answer other than success."""
    known = _REFUSALS.get(status)
    if known:
        return known
    text = body[:2048].decode(errors="replace").strip() or "unknown"
    if status >= 500:
        return f"an error on the server ({orjson.dumps(text).decode()}) has prevented the request from succeeding"
    return f"the server responded with the status code {status} but did not return more information"


def _duration(seconds: float) -> str:
    return f"{seconds:g}s"
