"""The OpenAPI 2 documents of other servers: asked for when a client wants the whole, and then at most every half minute.

Used by the OpenAPI documents. What always holds: a server that does not answer, or answers with what cannot be written, is taken at what
it said before; what a server said is forgotten with the last of its APIServices that can be asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import NamedTuple

import orjson

from kubern.api.openapi.swagger_protobuf import encode
from kubern.apiserver.aggregation.availability import TIMEOUT
from kubern.apiserver.aggregation.extensions import FAILURES, Extensions
from kubern.apiserver.aggregation.remote import Remote
from kubern.apiserver.aggregation.swagger import part_of
from kubern.base.clock import Clock
from kubern.base.json import Obj

PLACE = "/openapi/v2"
KEPT = 30.0
"""Seconds that a server's document is taken as it was."""
_UNFIT = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What a document that is not what it should be makes of our reading it."""
_log = logging.getLogger(__name__)


class Part(NamedTuple):
    """What a server says of one group version; `hash` is of its whole document, empty for one without any."""

    hash: str
    paths: Obj
    definitions: Obj


NOTHING = Part("", {}, {})


class _Held(NamedTuple):
    until: float
    etag: str
    part: Part


class RemoteSwaggers:
    """What the servers that are available say at `/openapi/v2`."""

    def __init__(self, extensions: Extensions, clock: Clock) -> None:
        self._extensions, self._clock = extensions, clock
        self._held: dict[Remote, _Held] = {}

    async def parts(self) -> list[Part]:
        """Return what there is, those of the greatest priority first."""
        remotes = [remote for remote in self._extensions.remotes.values() if remote.available]
        remotes.sort(
            key=lambda remote: (-remote.group_priority, remote.group, -remote.version_priority, remote.version)
        )
        self._held = {remote: held for remote, held in self._held.items() if remote in remotes}
        found = await asyncio.gather(*(self._part(remote) for remote in remotes))
        return [part for part in found if part.paths]

    async def _part(self, remote: Remote) -> Part:
        held = self._held.get(remote, _Held(0.0, "", NOTHING))
        now = self._clock.monotonic()
        if remote not in self._held or held.until < now:
            self._held[remote] = held = held._replace(until=now + KEPT)  # those who come meanwhile do not ask again
            self._held[remote] = held = await self._asked(remote, held)
        return held.part

    async def _asked(self, remote: Remote, held: _Held) -> _Held:
        headers = {"if-none-match": held.etag} if held.etag else {}
        try:
            async with asyncio.timeout(TIMEOUT):
                said = await self._extensions.ask(remote, PLACE, "application/json", **headers)
        except FAILURES:
            return held
        if said.status == 404:
            return held._replace(etag="", part=NOTHING)
        if said.status != 200:
            return held
        try:
            part = _read(said.body, remote)
        except _UNFIT as error:
            _log.warning(
                "the OpenAPI document of a server is unfit", extra={"apiservice": remote.name, "error": repr(error)}
            )
            return held
        return held._replace(etag=said.headers.get("etag", ""), part=part)


def _read(body: bytes, remote: Remote) -> Part:
    """Return what a document says of a group version. Raises one of `_UNFIT`."""
    part = part_of(orjson.loads(body), f"/{remote.path}")
    encode(part)  # what cannot be written is refused here, not when somebody asks
    return Part(hashlib.sha512(body).hexdigest().upper(), part["paths"], part["definitions"])
