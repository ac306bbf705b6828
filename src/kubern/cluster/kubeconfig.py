"""Kubeconfig files: the cluster's own, and its place in the user's.

`merge` adds cluster, user and context under one name to `$KUBECONFIG` (its first file) or `~/.kube/config` and makes it the current
context, as kind does; `remove` takes just that out again. Everything else in the file stays; a file that cannot be read is left alone.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from kubern.cluster.pki import Pair, write_private

Config = dict[str, Any]
_LISTS = ("clusters", "users", "contexts")
LOCK_PATIENCE = 5.0
"""Seconds to wait for another program that changes the same file; they hold the lock for milliseconds."""


_MEND = "; mend or move it, or set KUBECONFIG to another file"


class UnreadableKubeconfig(ValueError):
    """The user's kubeconfig is not what it should be; it was not touched."""


def build(name: str, server: str, ca: Path, user: Pair) -> Config:
    """Return a kubeconfig with one cluster, user and context, all called `name`, certificates embedded."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": _embedded(ca)}}],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": _embedded(user.certificate),
                    "client-key-data": _embedded(user.key),
                },
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
        "preferences": {},
    }


def write(path: Path, config: Config) -> None:
    """Write a kubeconfig that only its owner may read."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def users_file() -> Path:
    """Return the kubeconfig that kubectl would change: the first of `$KUBECONFIG`, or `~/.kube/config`."""
    listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return Path(listed[0]) if listed else Path.home() / ".kube/config"


def merge(path: Path, added: Config) -> None:
    """Put `added`'s cluster, user and context into the file at `path` and make the context current. Raises `UnreadableKubeconfig`."""
    with _locked(path):
        config = _read(path)
        for kind in _LISTS:
            names = {entry["name"] for entry in added[kind]}
            config[kind] = [entry for entry in config.get(kind) or () if entry.get("name") not in names] + added[kind]
        config["current-context"] = added["current-context"]
        write(_real(path), config)


def check(path: Path) -> None:
    """Raise `UnreadableKubeconfig` now if `merge` into this file would. Leaves no trace."""
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UnreadableKubeconfig(f"{path} cannot be written: {folder} is no directory that you may write to{_MEND}")
    _read(path)


def remove(path: Path, name: str) -> None:
    """Take the cluster, user and context called `name` out of the file at `path`. Raises `UnreadableKubeconfig`."""
    if not path.exists():
        return
    with _locked(path):
        config = _read(path)
        named = [kind for kind in _LISTS if any(entry.get("name") == name for entry in config.get(kind) or ())]
        if not named and config.get("current-context") != name:
            return
        for kind in named:
            config[kind] = [entry for entry in config[kind] if entry.get("name") != name]
        if config.get("current-context") == name:
            config["current-context"] = ""
        write(_real(path), config)


def _read(path: Path) -> Config:
    if not path.exists():
        return {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    try:
        config = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UnreadableKubeconfig(f"{path} cannot be read ({_in_a_line(error)}){_MEND}") from error
    if config is None:
        return {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    if not isinstance(config, dict) or not all(_is_list_of_maps(config.get(kind)) for kind in _LISTS):
        raise UnreadableKubeconfig(f"{path} is not a kubeconfig{_MEND}")
    return config


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _is_list_of_maps(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(entry, dict) for entry in value))


def _real(path: Path) -> Path:
    """Return the file behind a symbolic link, so that the link stays one."""
    return path.resolve() if path.is_symlink() else path


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock that kubectl and kind use too: whoever creates `<path>.lock` has it, and its removal gives it back."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    lock = path.with_name(path.name + ".lock")
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError as error:
            if time.monotonic() > deadline:
                raise UnreadableKubeconfig(
                    f"{path} is being changed by another program; if none runs, delete {lock}"
                ) from error
            time.sleep(0.02)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _embedded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
