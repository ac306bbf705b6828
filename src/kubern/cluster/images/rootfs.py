"""An image's file system as a directory: unpacked from layers, changed by a build, packed into one layer again.

Paths inside are never followed out: every name is resolved below the directory, symbolic links included.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kubern.cluster.images.archive import Layer, pack

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


class Image:
    """The file system below `root` and the OCI `config` object."""

    def __init__(self, root: Path, config: dict[str, Any] | None = None) -> None:
        self.root = root
        self.config = config or {}

    def inside(self, path: str, workdir: str = "/") -> Path:
        """Return where `path` of the image is on disk, links followed below the root only. Raises `ValueError` for a loop."""
        parts = [part for part in os.path.join("/", workdir, path).split("/") if part not in ("", ".")]
        found: list[str] = []
        links = 0
        while parts:
            part = parts.pop(0)
            if part == "..":
                found = found[:-1]
                continue
            here = self.root.joinpath(*found, part)
            if here.is_symlink():
                links += 1
                if links > 40:
                    raise ValueError(f"{path}: too many symbolic links")
                target = os.readlink(here)
                if target.startswith("/"):
                    found = []
                parts = [each for each in target.split("/") if each not in ("", ".")] + parts
            else:
                found.append(part)
        return self.root.joinpath(*found)

    def unpack(self, archive: Path, reference: str) -> bool:
        """Unpack the image `reference` of an OCI archive; returns whether the archive has it."""
        with tarfile.open(archive) as tar:
            index = json.loads(_read(tar, "index.json"))
            for descriptor in index.get("manifests") or ():
                if (descriptor.get("annotations") or {}).get("io.containerd.image.name") == reference:
                    manifest = self._manifest(tar, descriptor)
                    self.config = json.loads(_blob(tar, manifest["config"])).get("config") or {}
                    for layer in manifest["layers"]:
                        self._apply(_blob(tar, layer))
                    return True
        return False

    def _manifest(self, tar: tarfile.TarFile, descriptor: Mapping[str, Any]) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(_blob(tar, descriptor))
        if "manifests" in manifest:
            # an index of architectures: the archive of an export holds the blobs of this machine's only
            names = set(tar.getnames())
            here = [each for each in manifest["manifests"] if _blob_name(each) in names]
            return self._manifest(tar, here[0])
        return manifest

    def _apply(self, blob: bytes) -> None:
        """Lay one layer over what is there, deletions included."""
        raw = gzip.decompress(blob) if blob[:2] == b"\x1f\x8b" else blob
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            for member in tar:
                folder, name = os.path.split(member.name.strip("/"))
                parent = self.inside(folder)
                if name == _OPAQUE:
                    _clear(parent)
                elif name.startswith(_WHITEOUT):
                    _remove(parent / name.removeprefix(_WHITEOUT))
                else:
                    parent.mkdir(parents=True, exist_ok=True)
                    self._extract(tar, member, parent / name)

    def _extract(self, tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
        if member.isdir() and target.is_dir() and not target.is_symlink():
            target.chmod(member.mode)
            return
        _remove(target)
        if member.isdir():
            target.mkdir()
            target.chmod(member.mode)
        elif member.issym():
            target.symlink_to(member.linkname)
        elif member.islnk():
            target.hardlink_to(self.inside(member.linkname))
        elif member.isfile():
            with target.open("wb") as file:
                file.write(_content(tar, member))
            target.chmod(member.mode)
        if os.geteuid() == 0 and (target.exists() or target.is_symlink()):
            os.chown(target, member.uid, member.gid, follow_symlinks=False)

    def copy(self, sources: Sequence[Path], target: str, workdir: str, owner: str = "") -> None:
        """Copy files and directories' contents in, as COPY does: a target that ends with `/`, or several sources, is a directory."""
        place = self.inside(target, workdir)
        into = target.endswith(("/", "/.")) or target in (".", "..") or place.is_dir() or len(sources) > 1
        for source in sources:
            if source.is_dir() and not source.is_symlink():
                place.mkdir(parents=True, exist_ok=True)
                shutil.copytree(source, place, symlinks=True, dirs_exist_ok=True)
            else:
                final = place / source.name if into else place
                final.parent.mkdir(parents=True, exist_ok=True)
                _remove(final)
                shutil.copy2(source, final, follow_symlinks=False)
        if owner:
            subprocess.run(["chown", "-R", "-h", owner, place], check=True, capture_output=True, text=True)

    def pack(self) -> Layer:
        """Return the whole file system as one layer: times zeroed, so that an equal build gives an equal image."""
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(each for each in self.root.rglob("*") if not each.is_socket()):
                info = tar.gettarinfo(path, str(path.relative_to(self.root)))
                info.mtime, info.uname, info.gname = 0, "", ""
                if info.isfile():
                    with path.open("rb") as file:
                        tar.addfile(info, file)
                else:
                    tar.addfile(info)
        return pack(raw.getvalue())


def _blob_name(descriptor: Mapping[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def _blob(tar: tarfile.TarFile, descriptor: Mapping[str, Any]) -> bytes:
    return _read(tar, _blob_name(descriptor))


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    return _content(tar, tar.getmember(name))


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is not a file in the archive")
    return file.read()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    for child in folder.iterdir() if folder.is_dir() else ():
        _remove(child)
