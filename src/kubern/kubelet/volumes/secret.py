"""secret: a Secret's keys as files in memory, kept up to date while the pod runs."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

from kubern.base.json import Obj
from kubern.kubelet.payload import File, write_payload
from kubern.kubelet.volume import Place, Volume, VolumeError
from kubern.kubelet.volumes.configmap import chosen


async def prepare(place: Place) -> Path:
    """Write the files. Raises `VolumeError` when the Secret or a key is not there and not optional."""
    source = place.volume["secret"]
    named = source | {"name": source.get("secretName", "")}
    files = await secret_files(place, named, source.get("defaultMode"))
    await asyncio.to_thread(_write, place, files)
    return place.directory


def _write(place: Place, files: dict[str, File]) -> None:
    in_memory(place)
    write_payload(place.directory, files, place.clock, place.group)


def in_memory(place: Place) -> None:
    """Make the volume's directory a tmpfs, so that what it holds is never written to a disk."""
    place.directory.mkdir(parents=True, exist_ok=True)
    if not place.directory.is_mount():
        place.mounter.tmpfs(place.directory, "mode=0755")


async def secret_files(place: Place, source: Obj, default_mode: int | None) -> dict[str, File]:
    """Return a Secret source's files by path; a missing optional one has none."""
    name = source.get("name", "")
    obj = await place.objects.get("secret", place.namespace, name)
    if obj is None:
        if source.get("optional"):
            return {}
        raise VolumeError(f'secret "{name}" not found')
    data = {key: base64.b64decode(text) for key, text in (obj.get("data") or {}).items()}
    return chosen(data, source, default_mode, place)


VOLUME = Volume("secret", "secret", prepare, live=True, readonly=True)
