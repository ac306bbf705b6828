"""All volumes of one pod: made before its containers start, brought up to date while it runs, taken away with it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kubern.base.clock import Clock
from kubern.base.errors import StatusError
from kubern.base.json import Obj
from kubern.base.scan import scan
from kubern.kubelet import volumes
from kubern.kubelet.downward import Host
from kubern.kubelet.emptying import delete
from kubern.kubelet.local_volumes import NONE, LocalVolumes
from kubern.kubelet.podspec import uid
from kubern.kubelet.volume import Mounter, ObjectSource, Place, Volume, VolumeError


def volume_types() -> dict[str, Volume]:
    """Return every volume type by its field in `spec.volumes[]`."""
    return {found.field: found for found in scan(volumes, "VOLUME", Volume)}


@dataclass(frozen=True, slots=True)
class Mounted:
    """One volume that is ready: what to mount, and whether always read-only."""

    path: Path
    readonly: bool


class VolumeSet:
    """Makes the volumes of pods below `<root>/pods/<uid>/volumes`."""

    def __init__(
        self, root: Path, objects: ObjectSource, mounter: Mounter, clock: Clock, local: LocalVolumes = NONE
    ) -> None:
        self._root = root
        self._objects = objects
        self._mounter = mounter
        self._clock = clock
        self._local = local
        self._types = volume_types()

    async def prepare(self, pod: Obj, host: Host) -> dict[str, Mounted]:
        """Make every volume of the pod, side by side; return them by name. Raises `VolumeError` for the first that fails."""
        entries = pod["spec"].get("volumes") or ()
        made = await asyncio.gather(*(self._one(pod, entry, host) for entry in entries))
        return {entry["name"]: mounted for entry, mounted in zip(entries, made, strict=True)}

    async def refresh(self, pod: Obj, host: Host) -> None:
        """Bring the content of live volumes up to date. Raises `VolumeError`; the old content stays then."""
        for entry in pod["spec"].get("volumes") or ():
            kind = self._type(entry)
            if kind.live:
                await self._one(pod, entry, host)

    def has_live(self, pod: Obj) -> bool:
        """Whether the pod has a volume that can change while it runs."""
        return any(self._type(entry).live for entry in pod["spec"].get("volumes") or ())

    async def _one(self, pod: Obj, entry: Obj, host: Host) -> Mounted:
        kind = self._type(entry)
        folder = self._root / "pods" / uid(pod) / "volumes" / f"kubernetes.io~{kind.plugin}" / entry["name"]
        place = Place(pod, entry, folder, self._objects, self._mounter, host, self._clock, self._local)
        try:
            return Mounted(await kind.prepare(place), kind.readonly)
        except (VolumeError, StatusError, OSError) as error:
            text = error.message if isinstance(error, StatusError) else str(error)
            raise VolumeError(f'MountVolume.SetUp failed for volume "{entry["name"]}" : {text}') from error

    def _type(self, entry: Obj) -> Volume:
        for field in entry:
            if field in self._types:
                return self._types[field]
        # a volume without a source is an emptyDir
        if len(entry) == 1:
            return self._types["emptyDir"]
        raise VolumeError(f"no volume plugin matched name: {', '.join(field for field in entry if field != 'name')}")

    async def remove(self, pod_uid: str) -> None:
        """Take away everything that the pod kept on the node, however much that is."""
        folder = self._root / "pods" / pod_uid
        await asyncio.to_thread(self._unmount, folder)
        await delete(folder, self._clock)

    def _unmount(self, folder: Path) -> None:
        for path in _mounts_below(folder, Path("/proc/self/mounts").read_text()):
            self._mounter.unmount(path)

    def known(self) -> set[str]:
        """Return the uids of the pods that have something on the node."""
        folder = self._root / "pods"
        return set(os.listdir(folder)) if folder.is_dir() else set()


def _mounts_below(folder: Path, table: str) -> list[Path]:
    """Return the mount points below `folder` in a text as /proc/self/mounts, deepest first."""
    points = [line.split(" ")[1].encode().decode("unicode_escape") for line in table.splitlines()]
    below = [Path(point) for point in points if point.startswith(f"{folder}/")]
    return sorted(below, key=lambda path: len(path.parts), reverse=True)


def sources(mounted: Mapping[str, Mounted], name: str) -> Mounted:
    """Return the volume `name`. Raises `VolumeError` for a mount of a volume that the pod does not have."""
    if name not in mounted:
        raise VolumeError(f'volume "{name}" is not defined')
    return mounted[name]
