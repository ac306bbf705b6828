"""downwardAPI: the pod's own fields and limits as files, kept up to date while the pod runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from kubern.base.json import Obj
from kubern.kubelet import downward
from kubern.kubelet.payload import File, file_mode, write_payload
from kubern.kubelet.volume import Place, Volume, VolumeError


async def prepare(place: Place) -> Path:
    """Write the files. Raises `VolumeError` for a field that is not offered."""
    source = place.volume["downwardAPI"]
    files = downward_files(place, source.get("items") or (), source.get("defaultMode"))
    await asyncio.to_thread(write_payload, place.directory, files, place.clock, place.group)
    return place.directory


def downward_files(place: Place, items: Iterable[Obj], default_mode: int | None) -> dict[str, File]:
    """Return the items' files by path."""
    files = {}
    for item in items:
        try:
            if item.get("fieldRef"):
                text = downward.field(place.pod, item["fieldRef"]["fieldPath"], place.host)
            else:
                text = downward.resource(place.pod, {}, item["resourceFieldRef"], place.host)
        except LookupError as error:
            raise VolumeError(str(error.args[0])) from error
        files[item["path"]] = File(text.encode(), file_mode(item.get("mode"), default_mode, place.group))
    return files


VOLUME = Volume("downwardAPI", "downward-api", prepare, live=True, readonly=True)
