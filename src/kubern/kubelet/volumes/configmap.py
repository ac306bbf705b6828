"""configMap: a ConfigMap's keys as files, kept up to date while the pod runs."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path

from kubern.base.json import Obj
from kubern.kubelet.payload import File, file_mode, write_payload
from kubern.kubelet.volume import Place, Volume, VolumeError


async def prepare(place: Place) -> Path:
    """Write the files. Raises `VolumeError` when the ConfigMap or a key is not there and not optional."""
    source = place.volume["configMap"]
    files = await config_map_files(place, source, source.get("defaultMode"))
    await asyncio.to_thread(write_payload, place.directory, files, place.clock, place.group)
    return place.directory


async def config_map_files(place: Place, source: Obj, default_mode: int | None) -> dict[str, File]:
    """Return a ConfigMap source's files by path; a missing optional one has none."""
    name = source.get("name", "")
    obj = await place.objects.get("configmap", place.namespace, name)
    if obj is None:
        if source.get("optional"):
            return {}
        raise VolumeError(f'configmap "{name}" not found')
    data = {key: text.encode() for key, text in (obj.get("data") or {}).items()}
    data |= {key: base64.b64decode(text) for key, text in (obj.get("binaryData") or {}).items()}
    return chosen(data, source, default_mode, place)


def chosen(data: Mapping[str, bytes], source: Obj, default_mode: int | None, place: Place) -> dict[str, File]:
    """Return the keys that `items` names at their paths, or all. Raises `VolumeError` for a key that is not there."""
    items = source.get("items")
    if items is None or not items:
        return {key: File(content, file_mode(None, default_mode, place.group)) for key, content in data.items()}
    files = {}
    for item in items:
        if item["key"] in data:
            mode = file_mode(item.get("mode"), default_mode, place.group)
            files[item["path"]] = File(data[item["key"]], mode)
        elif not source.get("optional"):
            raise VolumeError(f"references non-existent config key: {item['key']}")
    return files


VOLUME = Volume("configMap", "configmap", prepare, live=True, readonly=True)
