"""persistentVolumeClaim: the volume that a claim is bound to, where it is a path of this node (hostPath, local)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kubern.base.json import Obj
from kubern.kubelet.payload import share_with_group
from kubern.kubelet.volume import Place, Volume, VolumeError
from kubern.kubelet.volumes.hostpath import check


async def prepare(place: Place) -> Path:
    """Return the path of the claim's volume. Raises `VolumeError` for a claim that is missing, unbound, or bound elsewhere."""
    name = place.volume["persistentVolumeClaim"]["claimName"]
    return await mount(place, name, await place.objects.get("persistentvolumeclaim", place.namespace, name))


async def mount(place: Place, name: str, claim: Obj | None) -> Path:
    """Return the path of the volume of the claim `name`, if there is one. Raises `VolumeError`."""
    volume = await _bound_volume(place, name, claim)
    spec = volume["spec"]
    if spec.get("hostPath"):
        return await asyncio.to_thread(check, spec["hostPath"])
    if spec.get("local"):
        path = Path(spec["local"]["path"])
        await asyncio.to_thread(place.local.ensure, volume)
        if not await asyncio.to_thread(path.exists):
            raise VolumeError(f'path "{path}" does not exist')
        await asyncio.to_thread(share_with_group, path, place.group)
        return path
    raise VolumeError(f"no volume plugin matched persistent volume of claim {name}")


async def _bound_volume(place: Place, name: str, claim: Obj | None) -> Obj:
    if claim is None:
        raise VolumeError(f'error getting PVC {place.namespace}/{name}: persistentvolumeclaims "{name}" not found')
    bound = (claim.get("status") or {}).get("phase") == "Bound" and claim["spec"].get("volumeName")
    volume = await place.objects.get("persistentvolume", "", claim["spec"]["volumeName"]) if bound else None
    if volume is None:
        raise VolumeError(f"PVC {place.namespace}/{name} is not bound")
    return volume


VOLUME = Volume("persistentVolumeClaim", "persistent-volume-claim", prepare)
