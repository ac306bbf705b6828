"""emptyDir: a directory that lives as long as the pod, on disk or in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kubern.base.quantity import parse
from kubern.kubelet.payload import share_with_group
from kubern.kubelet.volume import Place, Volume


async def prepare(place: Place) -> Path:
    """Make the directory, open to everybody in the pod; with medium Memory it is a tmpfs of at most its sizeLimit."""
    await asyncio.to_thread(_prepare, place)
    return place.directory


def _prepare(place: Place) -> None:
    source = place.volume.get("emptyDir") or {}
    place.directory.mkdir(parents=True, exist_ok=True)
    if source.get("medium") == "Memory" and not place.directory.is_mount():
        limit = parse(source["sizeLimit"]).value() if source.get("sizeLimit") else 0
        place.mounter.tmpfs(place.directory, f"size={limit},mode=0777" if limit else "mode=0777")
    place.directory.chmod(0o777)
    share_with_group(place.directory, place.group)


VOLUME = Volume("emptyDir", "empty-dir", prepare)
