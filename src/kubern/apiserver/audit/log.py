"""The audit log's file: a line an event, put aside when it is too large, and forgotten when it is too old. `-` is standard output."""

from __future__ import annotations

import logging
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import orjson

from kubern.base.clock import Clock
from kubern.base.json import Obj

_log = logging.getLogger(__name__)
_MEGABYTE = 1024 * 1024
TELL_EVERY = 60.0
"""Seconds between two messages about events that were lost."""
DEFAULT_SIZE = 100
"""Megabytes of a file when none are set, as upstream's logger has it."""


class Rotation(NamedTuple):
    """When files are put aside and forgotten: megabytes, number of old files, days; 0 keeps them all."""

    size: int = 0
    backups: int = 0
    age: int = 0


class AuditLog:
    """Writes events to a file. `format` is `json` or `legacy`."""

    def __init__(self, path: str, rotation: Rotation, clock: Clock, form: str = "json") -> None:
        """Open the file. Raises `OSError`."""
        self._path = None if path == "-" else Path(path)
        self._rotation, self._clock, self._form = rotation, clock, form
        self._file, self._size = self._open()
        self._tell_from = 0.0
        self.lost = 0
        """Events that could not be written."""

    def write(self, event: Obj) -> None:
        """Append an event. One that cannot be written is counted in `lost`, and told once a minute: a full disk must not stop the
        cluster, nor what is said about it fill another one."""
        line = orjson.dumps(event) if self._form == "json" else _legacy(event).encode()
        try:
            if self._path and self._size + len(line) >= (self._rotation.size or DEFAULT_SIZE) * _MEGABYTE:
                self._rotate()
            self._append(line + b"\n")
        except OSError as error:
            self.lost += 1
            now = self._clock.monotonic()
            if now >= self._tell_from:
                self._tell_from = now + TELL_EVERY
                _log.error("audit events cannot be written", extra={"lost": self.lost, "error": str(error)})

    def _append(self, line: bytes) -> None:
        """Write a whole line or, as far as that can be undone, nothing of it. Raises `OSError`."""
        written = os.write(self._file, line)
        try:
            while written < len(line):  # the disk was full in the middle of it
                written += os.write(self._file, line[written:])
        except OSError:
            if self._path:
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        """Close the file."""
        if self._path:
            os.close(self._file)

    def _open(self) -> tuple[int, int]:
        if self._path is None:
            return sys.stdout.fileno(), 0
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return file, os.fstat(file).st_size

    def _rotate(self) -> None:
        assert self._path is not None
        now = self._clock.now()
        stamp = now.strftime("%Y-%m-%dT%H-%M-%S.") + f"{now.microsecond // 1000:03d}"
        aside = self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}")
        self._path.rename(aside)
        try:
            opened, size = self._open()
        except OSError:
            aside.rename(self._path)
            raise
        # only now: the number of a file that is closed soon belongs to somebody's connection
        os.close(self._file)
        self._file, self._size = opened, size
        self._forget(now)

    def _forget(self, now: datetime) -> None:
        assert self._path is not None
        old = sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"), reverse=True)
        limit = now - timedelta(days=self._rotation.age)
        for number, file in enumerate(old):
            aged = self._rotation.age and file.stat().st_mtime < limit.timestamp()
            if aged or (self._rotation.backups and number >= self._rotation.backups):
                file.unlink(missing_ok=True)


def _legacy(event: Obj) -> str:
    """Return an event as upstream's format `legacy` writes it."""
    user, reference = event.get("user") or {}, event.get("objectRef") or {}
    acting = event.get("impersonatedUser") or {}
    groups = ",".join(f'"{group}"' for group in user.get("groups") or ()) or "<none>"
    code = (event.get("responseStatus") or {}).get("code", "<deferred>")
    ip = next(iter(event.get("sourceIPs") or ()), "<unknown>")
    return (
        f'{event["requestReceivedTimestamp"]} AUDIT: id="{event["auditID"]}" stage="{event["stage"]}" ip="{ip}" '
        f'method="{event["verb"]}" user="{user.get("username") or "<none>"}" groups="{groups}" as="{acting.get("username") or "<self>"}" '
        f'asgroups="<lookup>" user-agent="{event.get("userAgent", "")}" namespace="{reference.get("namespace") or "<none>"}" '
        f'uri="{event["requestURI"]}" response="{code}"'
    )
