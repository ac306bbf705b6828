"""An OCI image archive: a tar that `ctr images import` takes. Equal input, equal bytes.

Source: the OCI image specification (image layout, manifest, configuration); containerd reads the image's name from the
annotation `io.containerd.image.name` of the manifest's descriptor.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Entry(NamedTuple):
    """One file of a layer: `content` is bytes, or None for a directory; `link` makes it a symbolic link to that path."""

    content: bytes | None = None
    mode: int = 0o755
    link: str = ""


class Layer(NamedTuple):
    """A compressed layer, its digest, and the digest of what it was before compression."""

    blob: bytes
    digest: str
    diff_id: str


def layer(files: Mapping[str, Entry]) -> Layer:
    """Build a layer from `path → entry`; paths have no leading slash; owners and times are zero, so that it is reproducible."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, entry in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.mode = entry.mode
            if entry.link:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
                tar.addfile(info)
            elif entry.content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.size = len(entry.content)
                tar.addfile(info, io.BytesIO(entry.content))
    return pack(raw.getvalue())


def pack(tar: bytes) -> Layer:
    """Compress a layer's tar."""
    # level 1 packs busybox in 20 ms instead of 90; the archive never leaves the machine
    blob = gzip.compress(tar, 1, mtime=0)
    return Layer(blob, _digest(blob), _digest(tar))


def write(path: Path, images: Mapping[str, tuple[Mapping[str, Any], Sequence[Layer]]]) -> None:
    """Write an archive of `reference → (config, layers)`; config is the OCI `config` object: Entrypoint, Cmd, Env, User…

    The archive appears whole or not at all.
    """
    blobs: dict[str, bytes] = {}
    manifests = []
    for reference, (config, layers) in images.items():
        manifests.append(_add_image(blobs, reference, config, layers))
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with tarfile.open(fresh, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", _json(index))
        for digest, blob in sorted(blobs.items()):
            _add(tar, "blobs/" + digest.replace(":", "/"), blob)
    fresh.replace(path)


def _add_image(
    blobs: dict[str, bytes], reference: str, config: Mapping[str, Any], layers: Sequence[Layer]
) -> dict[str, Any]:
    """Put an image's blobs into `blobs` and return the descriptor of its manifest."""
    described = {
        "created": "1970-01-01T00:00:00Z",
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _blob(blobs, _CONFIG, _json(described)),
        "layers": [_blob(blobs, _LAYER, each.blob) for each in layers],
    }
    descriptor = _blob(blobs, _MANIFEST, _json(manifest))
    names = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference.rpartition(":")[2]}
    return descriptor | {"annotations": names}


def _blob(blobs: dict[str, bytes], media_type: str, content: bytes) -> dict[str, Any]:
    digest = _digest(content)
    blobs[digest] = content
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(content))
