"""The directories of volumes that the local provisioner made for this node.

What always holds: nothing outside the one directory given by `--local-volume-path` is made or deleted, whatever a PersistentVolume or
a request says.
"""

from __future__ import annotations

import re
from pathlib import Path

from kubern.base.errors import BadRequest, NotFound
from kubern.base.json import Obj
from kubern.kubelet.emptying import put_away

PROVISIONED_BY, PROVISIONER = "pv.kubernetes.io/provisioned-by", "kubern.io/local"
_NAME = re.compile(r"pvc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MODE = 0o777
"""Whoever a container runs as may write; the directories above let nobody in who is not root."""


class LocalVolumes:
    """The volumes below `root`; None: this node keeps none."""

    def __init__(self, root: Path | None) -> None:
        self._root = root

    def ensure(self, volume: Obj) -> None:
        """Make the directory of a PersistentVolume that is the provisioner's and lies where its volumes lie; leave all others alone."""
        name, path = volume["metadata"]["name"], Path(volume["spec"]["local"]["path"])
        ours = (volume["metadata"].get("annotations") or {}).get(PROVISIONED_BY) == PROVISIONER
        if self._root is None or not ours or not _NAME.fullmatch(name) or path != self._root / name or path.exists():
            return
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(exist_ok=True)
        path.chmod(_MODE)

    def remove(self, name: str) -> None:
        """Take a volume's directory away; what is in it is deleted in its time by `Emptying`. One that is not there is no error. Raises
        `NotFound`, `BadRequest`, `OSError`."""
        if self._root is None:
            raise NotFound("this node keeps no local volumes")
        if not _NAME.fullmatch(name):
            raise BadRequest(f"{name!r} is not the name of a local volume: pvc- and a uid are wanted")
        put_away(self._root / name)


NONE = LocalVolumes(None)
