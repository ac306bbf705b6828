"""A container's mounts: its volumes, /etc/hosts, the file for its last words. Checks paths on the node, so it runs in a thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from kubern.base.json import Obj
from kubern.kubelet.environment import ConfigError, expand
from kubern.kubelet.runtime.config import Mount
from kubern.kubelet.volume_set import Mounted, sources

HOSTS = "/etc/hosts"


def volume_mounts(
    container: Obj, mounted: Mapping[str, Mounted], variables: Callable[[str], str | None]
) -> tuple[Mount, ...]:
    """Return the mounts of the container's volumeMounts. Raises `ConfigError` for a subPath that leads out of its volume."""
    found = []
    for mount in container.get("volumeMounts") or ():
        volume = sources(mounted, mount["name"])
        sub = mount.get("subPath") or expand(mount.get("subPathExpr") or "", variables)
        path = _below(volume.path, sub, container, mount) if sub else volume.path
        target = mount["mountPath"]
        recursive = mount.get("recursiveReadOnly") == "Enabled"
        found.append(
            Mount(
                container_path=target if target.startswith("/") else f"/{target}",
                host_path=str(path),
                readonly=bool(mount.get("readOnly")) or volume.readonly,
                propagation=mount.get("mountPropagation") or "None",
                recursive_readonly=recursive,
            )
        )
    return tuple(found)


def _below(volume: Path, sub: str, container: Obj, mount: Obj) -> Path:
    """Return a path inside the volume, made as a directory if it is not there; links must not lead out."""
    where = f'volumeMount "{mount["name"]}" of container "{container["name"]}"'
    if sub.startswith("/") or ".." in sub.split("/"):
        raise ConfigError(f"failed to prepare subPath for {where}")
    root = volume.resolve()
    path = (root / sub).resolve()
    if root != path and root not in path.parents:
        raise ConfigError(f"failed to prepare subPath for {where}")
    if not path.exists():
        path.mkdir(parents=True, mode=0o755)
        path.chmod(root.stat().st_mode & 0o7777)
    return path


def hosts_mount(container: Obj, path: Path) -> tuple[Mount, ...]:
    """Return the mount of the pod's hosts file, none when the container brings its own."""
    own = any(os.path.normpath(mount["mountPath"]) == HOSTS for mount in container.get("volumeMounts") or ())
    return () if own else (Mount(HOSTS, str(path)),)


def message_mount(container: Obj, path: Path) -> tuple[Mount, ...]:
    """Return the mount of the file that the container may leave its last words in; made here, writable by any user."""
    target = container.get("terminationMessagePath")
    if not target:
        return ()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0o666)
    return (Mount(target, str(path)),)
