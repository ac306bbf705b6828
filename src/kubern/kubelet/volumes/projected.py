"""projected: several sources in one directory, among them the service account's token, renewed before it expires."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kubern.base.json import Obj
from kubern.kubelet.payload import File, file_mode, write_payload
from kubern.kubelet.podspec import MAIN, steps
from kubern.kubelet.volume import Place, Volume, VolumeError
from kubern.kubelet.volumes.configmap import config_map_files
from kubern.kubelet.volumes.downwardapi import downward_files
from kubern.kubelet.volumes.secret import in_memory, secret_files

_HOUR = 3600


async def prepare(place: Place) -> Path:
    """Write the files of all sources. Raises `VolumeError` for the first that cannot be had."""
    projected = place.volume["projected"]
    default_mode = projected.get("defaultMode")
    files: dict[str, File] = {}
    for source in projected.get("sources") or ():
        files |= await _files(place, source, default_mode)
    await asyncio.to_thread(_write, place, files)
    return place.directory


def _write(place: Place, files: dict[str, File]) -> None:
    in_memory(place)
    write_payload(place.directory, files, place.clock, place.group)


async def _files(place: Place, source: Obj, default_mode: int | None) -> dict[str, File]:
    if source.get("configMap"):
        return await config_map_files(place, source["configMap"], default_mode)
    if source.get("secret"):
        return await secret_files(place, source["secret"], default_mode)
    if source.get("downwardAPI"):
        return downward_files(place, source["downwardAPI"].get("items") or (), default_mode)
    if source.get("serviceAccountToken"):
        return await _token(place, source["serviceAccountToken"], default_mode)
    if source.get("clusterTrustBundle"):
        return await _bundle(place, source["clusterTrustBundle"], default_mode)
    raise VolumeError(f"unknown projected source: {', '.join(source) or 'none'}")


async def _token(place: Place, source: Obj, default_mode: int | None) -> dict[str, File]:
    token = await place.objects.token(
        place.pod, source.get("audience") or "", int(source.get("expirationSeconds") or _HOUR)
    )
    mode, user = file_mode(None, default_mode, place.group), None
    users = {_user(place.pod, step.container) for step in steps(place.pod) if step.role == MAIN}
    if place.group is not None:
        mode = 0o640
    elif len(users) == 1 and None not in users:
        # everybody in the pod is the same user, so nobody else needs to read it
        mode, user = 0o600, users.pop()
    return {source["path"]: File(token.text.encode(), mode, user)}


def _user(pod: Obj, container: Obj) -> int | None:
    own = container.get("securityContext") or {}
    found: int | None = own.get("runAsUser", (pod["spec"].get("securityContext") or {}).get("runAsUser"))
    return found


async def _bundle(place: Place, source: Obj, default_mode: int | None) -> dict[str, File]:
    bundle = await place.objects.trust_bundle(source["name"]) if source.get("name") else None
    if bundle is None:
        if source.get("optional"):
            return {}
        raise VolumeError(f'clustertrustbundle "{source.get("name", "")}" not found')
    content = bundle["spec"]["trustBundle"].encode()
    return {source["path"]: File(content, file_mode(None, default_mode, place.group))}


VOLUME = Volume("projected", "projected", prepare, live=True, readonly=True)
