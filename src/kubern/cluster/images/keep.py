"""Images of the user's that belong to a cluster: kept as archives, imported into every node that runs and every node to come."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kubern.cluster.images.load import load_first_time, names_in
from kubern.cluster.running import Cluster


def keep(cluster: Cluster, archive: Path) -> list[str]:
    """Take an OCI or Docker archive into the cluster and import it into every running node; returns the images' names.

    Raises `RuntimeError` when the cluster has no nodes with containers or the archive holds no named image, `OSError`.
    """
    if not cluster.exists or not cluster.settings.real:
        raise RuntimeError("images need nodes with real containers; this cluster has none")
    names = names_in(archive)
    if not names:
        raise RuntimeError(f"{archive} is neither an OCI nor a Docker image archive with a named image")
    # one file a name: loading a new build of an image takes the old one's place
    kept = cluster.layout.images / f"user-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}.tar"
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_suffix(".new")
    shutil.copyfile(archive, fresh)
    fresh.replace(kept)
    running = [node for node in cluster.nodes() if node.running()]
    with ThreadPoolExecutor(max(1, len(running))) as pool:
        list(pool.map(lambda node: load_first_time(node, cluster.layout.images), running))
    return names
