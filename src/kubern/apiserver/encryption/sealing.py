"""Sealing values on their way into the store and opening them on their way out.

One `Seal` a stored resource that the configuration names; `Encryption` keeps them at what the file says. What always holds: a value is
opened by the sealer whose marker it bears, or as it is when it bears none and `identity` is among the providers or nothing ever was sealed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from kubern.apiserver.encryption.configuration import Entry, parse, sealers_for
from kubern.apiserver.encryption.provider import PREFIX, Sealer, Unopened
from kubern.base.clock import Clock
from kubern.store.contract import StoreError

RELOAD_EVERY = 10.0
_log = logging.getLogger(__name__)


class Seal:
    """Seals and opens the values of one resource."""

    def __init__(self, sealers: Sequence[Sealer]) -> None:
        self._sealers = tuple(sealers)

    def renew(self, sealers: Sequence[Sealer]) -> None:
        """Use other sealers from now on."""
        self._sealers = tuple(sealers)

    def seal(self, key: bytes, value: bytes) -> bytes:
        """Return what to store: sealed by the first sealer."""
        if not self._sealers:
            return value
        first = self._sealers[0]
        return first.marker + first.seal(value, key)

    def open(self, key: bytes, value: bytes) -> bytes:
        """Return what was stored. Raises `Unopened`."""
        if not value.startswith(PREFIX):
            if self._sealers and all(sealer.marker for sealer in self._sealers):
                raise Unopened("no matching prefix found")
            return value
        for sealer in self._sealers:
            if sealer.marker and value.startswith(sealer.marker):
                return sealer.open(value[len(sealer.marker) :], key)
        raise Unopened("no matching prefix found")

    def stale(self, value: bytes) -> bool:
        """Whether a stored value would be stored in another way today."""
        marker = self._sealers[0].marker if self._sealers else b""
        return not value.startswith(marker) if marker else value.startswith(PREFIX)


class Encryption:
    """The seals of all resources."""

    def __init__(self, file: Path | None) -> None:
        """Read the configuration. Raises `OSError`, and `ValueError` that names the file and the field."""
        self._file = file
        self._text = b""
        self._entries: Sequence[Entry] = ()
        self._seals: dict[tuple[str, str], Seal] = {}
        if file is not None:
            self._text = file.read_bytes()
            try:
                self._entries = parse(self._text)
            except ValueError as error:
                raise ValueError(f"{file}: {error}") from error

    def seal_for(self, plural: str, group: str) -> Seal | None:
        """Return the seal of a resource; None where nothing is ever sealed."""
        if self._file is None:
            return None
        return self._seals.setdefault((plural, group), Seal(sealers_for(self._entries, plural, group)))

    def reload(self) -> bool:
        """Read the file again if it has changed; one that is not in order changes nothing. Returns whether it was taken over."""
        try:
            text = self._file.read_bytes() if self._file else self._text
            if text == self._text:
                return False
            entries = parse(text)
        except (OSError, ValueError) as error:
            _log.error(
                "the encryption configuration was not taken over", extra={"file": str(self._file), "error": str(error)}
            )
            return False
        self._text, self._entries = text, entries
        for (plural, group), seal in self._seals.items():
            seal.renew(sealers_for(entries, plural, group))
        _log.info("took the encryption configuration over", extra={"file": str(self._file)})
        return True

    async def run(self, clock: Clock, reopen: Callable[[], Awaitable[None]]) -> None:
        """Look after the file for ever; `reopen` is told when other keys are used."""
        behind = False
        while True:
            await clock.sleep(RELOAD_EVERY)
            behind = self.reload() or behind
            if behind:
                try:
                    await reopen()
                    behind = False
                except StoreError as error:
                    _log.warning("what is sealed could not be read again yet", extra={"error": str(error)})
