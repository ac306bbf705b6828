"""The bitmap of node ports in the store, so that no two servers on one store give a port out twice.

Made by `ApiServer`. It lies where upstream keeps it, as a RangeAllocation. What always holds: the bitmap is the truth, a server's memory
of what is taken only spares it vain attempts.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

import orjson

from kubern.apiserver.allocation.addresses import Allocator
from kubern.base.clock import Clock
from kubern.base.errors import InternalError
from kubern.store.contract import Store, StoreError

KEY = b"/registry/ranges/servicenodeports"
LOOK_EVERY = 180.0
"""Seconds between two comparisons with all Services."""
_log = logging.getLogger(__name__)


class _Seen(NamedTuple):
    """The bitmap at the revision at which its key was last seen; bit 0 is the first port."""

    bits: int = 0
    revision: int = 0


class PortLedger:
    """Claims and releases node ports. `used` returns the ports that all stored Services have; `tell` is told of those that were not
    written down."""

    def __init__(
        self,
        store: Store,
        ports: Allocator,
        used: Callable[[], Iterable[int]],
        clock: Clock,
        tell: Callable[[list[int]], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._ports = ports
        self._used = used
        self._clock = clock
        self._tell = tell
        self._seen = _Seen()

    async def claim(self, port: int) -> bool:
        """Write down that a port is taken; False when it is already."""
        bit = 1 << (port - self._ports.first)
        while not self._seen.bits & bit:
            if await self._write(self._seen.bits | bit):
                return True
        # what was seen may be old: another server may have released it
        await self._read()
        return not self._seen.bits & bit and await self.claim(port)

    async def release(self, ports: Iterable[int]) -> None:
        """Strike ports out."""
        mask = self._mask(ports)
        while self._seen.bits & mask:
            if await self._write(self._seen.bits & ~mask):
                return

    async def refresh(self) -> None:
        """Let memory be what is written down: others may have released ports."""
        await self._read()
        self._ports.replace(self._listed(self._seen.bits))

    async def mend(self, stray: int = 0) -> int:
        """Write down what Services have and release `stray`, which none had; returns the bits that no Service has now."""
        await self._read()
        used = self._mask(self._used())
        lost = self._listed(used & ~self._seen.bits)
        while used & ~self._seen.bits:
            await self._write(self._seen.bits | used)
        if lost and self._tell is not None:
            await self._tell(lost)
        await self._release_stray(stray & self._seen.bits & ~used)
        return self._seen.bits & ~used

    async def run(self) -> None:
        """Keep the bitmap in step with the Services until cancelled: ports of none, twice in a row, are released."""
        stray = 0
        while True:
            await self._clock.sleep(LOOK_EVERY)
            try:
                stray = await self.mend(stray)
            except (InternalError, StoreError) as error:
                _log.warning("node ports: %s", error)

    async def _release_stray(self, mask: int) -> None:
        ports = self._listed(mask)
        if ports:
            _log.info("node ports of no service are released: %s", ports)
            await self.release(ports)
            for port in ports:
                self._ports.give_back(port)

    def _listed(self, mask: int) -> list[int]:
        return [self._ports.first + index for index in range(mask.bit_length()) if mask >> index & 1]

    def _mask(self, ports: Iterable[int]) -> int:
        return sum(1 << (port - self._ports.first) for port in {*ports} if self._ports.contains(port))

    async def _read(self) -> None:
        found = await self._store.range(KEY)
        self._seen = self._decoded(found.items[0].value, found.items[0].mod_revision) if found.items else _Seen()

    async def _write(self, bits: int) -> bool:
        """Write the bitmap if nobody else has; either way what is there now is seen."""
        result = await self._store.txn(KEY, self._encoded(bits), expected=self._seen.revision)
        if result.succeeded:
            self._seen = _Seen(bits, result.revision)
        elif result.current is None:
            self._seen = _Seen()
        else:
            self._seen = self._decoded(result.current.value, result.current.mod_revision)
        return result.succeeded

    def _encoded(self, bits: int) -> bytes:
        data = bits.to_bytes((bits.bit_length() + 7) // 8, "big")
        return orjson.dumps({
            "kind": "RangeAllocation", "apiVersion": "v1", "metadata": {},
            "range": f"{self._ports.first}-{self._ports.last}", "data": base64.b64encode(data).decode(),
        })  # fmt: skip

    def _decoded(self, value: bytes, revision: int) -> _Seen:
        """Read a bitmap; one of another range than ours says nothing of our ports."""
        try:
            found = orjson.loads(value)
            ours = found["range"] == f"{self._ports.first}-{self._ports.last}"
            return _Seen(int.from_bytes(base64.b64decode(found["data"]), "big") if ours else 0, revision)
        except (ValueError, KeyError, TypeError) as error:
            raise InternalError(f"the allocation of node ports cannot be read: {error}") from error
