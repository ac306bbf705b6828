"""ephemeral: the volume of the claim that the pod brought along. A claim of that name which is another's is not mounted."""

from __future__ import annotations

from pathlib import Path

from kubern.kubelet.volume import Place, Volume, VolumeError
from kubern.kubelet.volumes.persistentvolumeclaim import mount


async def prepare(place: Place) -> Path:
    """Return the path of the claim's volume. Raises `VolumeError` for a claim that is missing, unbound or not the pod's own."""
    meta = place.pod["metadata"]
    name = f"{meta['name']}-{place.volume['name']}"
    claim = await place.objects.get("persistentvolumeclaim", place.namespace, name)
    owners = (claim or {"metadata": {}})["metadata"].get("ownerReferences") or ()
    if claim is not None and not any(each.get("controller") and each["uid"] == meta["uid"] for each in owners):
        whose = f"PVC {place.namespace}/{name} was not created for pod {place.namespace}/{meta['name']}"
        raise VolumeError(f"{whose} (pod is not owner)")
    return await mount(place, name, claim)


VOLUME = Volume("ephemeral", "ephemeral", prepare)
