"""Images of the user's that belong to a cluster: kept as archives, imported into every node that runs and every node to come."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kubern.cluster.images.load import load, names_in, remember
from kubern.cluster.node import Node
from kubern.cluster.running import Cluster


def keep(cluster: Cluster, archive: Path) -> list[str]:
    """Take an OCI or Docker archive into the cluster and import it into every running node; returns the images' names.

    An archive that a node refuses is not kept, or no node would ever start again. Raises `RuntimeError` when the cluster has no running
    nodes with containers or the archive holds no named image that can be imported, `OSError`.
    """
    nodes = running_nodes(cluster)
    names = names_in(archive)
    if not names:
        raise RuntimeError(f"{archive} is neither an OCI nor a Docker image archive with a named image")
    # one file a name: loading a new build of an image takes the old one's place
    kept = cluster.layout.images / f"user-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}.tar"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept.parent, prefix="new-") as fresh:
        with archive.open("rb") as source:
            shutil.copyfileobj(source, fresh)
        fresh.flush()
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(lambda node: load(node, Path(fresh.name)), nodes))
        kept.unlink(missing_ok=True)
        os.link(fresh.name, kept)
    for node in nodes:
        remember(node, kept)
    return names


def running_nodes(cluster: Cluster) -> list[Node]:
    """Return the nodes that can take images. Raises `RuntimeError` saying why there are none."""
    name = cluster.settings.name
    if not cluster.exists:
        raise RuntimeError(f"there is no cluster {name!r}; make one with `kubern up --name {name}`")
    if not cluster.settings.real:
        raise RuntimeError("images need nodes with real containers; this cluster has none")
    running = [node for node in cluster.nodes() if node.running()]
    if not running:
        raise RuntimeError(f"the cluster {name!r} is stopped: `kubern start --name {name}` first")
    return running
