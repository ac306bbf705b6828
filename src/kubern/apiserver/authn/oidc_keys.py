"""The public keys of an OpenID Connect provider, fetched over HTTPS and renewed while the server runs.

A task of `ApiServer`; asked by `oidc.OidcTokens`. What always holds: asking never waits. A key that is not known yet brings the next
fetch forward, so that a provider that changes its keys is followed within seconds; known keys outlive a provider that is not reached.
Source: OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt

from kubern.base.backoff import Backoff
from kubern.base.clock import Clock
from kubern.base.errors import Unauthorized
from kubern.http.client import fetch
from kubern.http.dial import dial_directly, open_channel
from kubern.http.tls import client_context

RENEW = 300.0
"""Seconds between two looks at the provider's keys."""
NOT_SOONER = 10.0
"""Seconds that a token with an unknown key may bring the next look forward to, at the earliest."""
_TIMEOUT = 30.0
_log = logging.getLogger(__name__)


class OidcKeys:
    """The keys of one provider. `ca_file` None: the machine's own authorities are trusted."""

    def __init__(self, issuer_url: str, ca_file: Path | None, clock: Clock) -> None:
        self._issuer = issuer_url
        self._tls = client_context(ca_file)
        self._clock = clock
        self._keys: dict[str, Any] | None = None
        self._wanted = asyncio.Event()

    def find(self, key_id: str) -> Any | None:
        """Return a public key by its id, or the only one when `key_id` is empty. Raises `Unauthorized` before the first fetch."""
        if self._keys is None:
            raise Unauthorized("oidc: authenticator not initialized")
        if not key_id and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        found = self._keys.get(key_id)
        if found is None:
            self._wanted.set()
        return found

    async def run(self) -> None:
        """Keep the keys fresh until cancelled."""
        backoff = Backoff(1.0, 60.0)
        while True:
            try:
                self._keys = await self._fetch_keys()
                backoff.reset("fetch")
                wait = RENEW
            except (OSError, ssl.SSLError, TimeoutError, ValueError) as error:
                _log.warning("the keys of %s cannot be fetched: %s", self._issuer, error)
                wait = backoff.next("fetch")
            self._wanted.clear()
            await self._clock.sleep(min(wait, NOT_SOONER))
            if wait > NOT_SOONER:
                await self._until_wanted(wait - NOT_SOONER)

    async def _until_wanted(self, seconds: float) -> None:
        """Wait, but not on when a token asks for a key that is not known."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        wanted = asyncio.ensure_future(self._wanted.wait())
        try:
            await asyncio.wait((sleeping, wanted), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            wanted.cancel()

    async def _fetch_keys(self) -> dict[str, Any]:
        """Return the signing keys by id. Raises `OSError`, `TimeoutError`, `ValueError`."""
        described = await self._get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if described.get("issuer") != self._issuer:
            raise ValueError(f"the provider calls itself {described.get('issuer')!r}, not {self._issuer!r}")
        published = await self._get(str(described.get("jwks_uri", "")))
        keys = {}
        for stated in published.get("keys") or ():
            if isinstance(stated, dict) and stated.get("use", "sig") == "sig" and stated.get("kty") in ("RSA", "EC"):
                try:
                    keys[str(stated.get("kid") or "")] = jwt.PyJWK(stated).key
                except jwt.PyJWTError as error:
                    _log.warning("a key of %s cannot be read: %s", self._issuer, error)
        return keys

    async def _get(self, url: str) -> dict[str, Any]:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"{url!r} is no https address")
        async with asyncio.timeout(_TIMEOUT):
            channel = await open_channel(dial_directly, parts.hostname, parts.port or 443, self._tls)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            fetched = await fetch(channel, "GET", target, [("Host", parts.netloc), ("Accept", "application/json")])
            text = await fetched.text()
        if fetched.head.status != 200:
            raise ValueError(f"{url} answered {fetched.head.status}")
        answer = json.loads(text)
        if not isinstance(answer, dict):
            raise ValueError(f"{url} did not answer with an object")
        return answer
