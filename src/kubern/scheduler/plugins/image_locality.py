"""ImageLocality: prefer nodes that have the pod's images already, images that are widespread counting for more."""

from __future__ import annotations

import numpy as np

from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.framework import MAX_SCORE, Cycle, Plugin, Scores

_MB = 1024 * 1024
_LOW = 23 * _MB
_HIGH_PER_CONTAINER = 1000 * _MB


def _score(cycle: Cycle, mask: Mask) -> Scores:
    spec = cycle.pod["spec"]
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    images = {_normal(container.get("image") or "") for container in containers}
    columns = cycle.columns
    sizes = np.zeros(len(columns.nodes))
    nodes = max(int(columns.present.sum()), 1)
    for image in sorted(images):
        here = _holders(columns, image)
        sizes += here * (np.count_nonzero(here) / nodes)
    high = _HIGH_PER_CONTAINER * len(containers)
    return np.floor((np.clip(sizes, _LOW, high) - _LOW) * MAX_SCORE / (high - _LOW))


def _holders(columns: Columns, image: str) -> Scores:
    """Return the image's size in bytes on each node, 0 where it is not."""
    sizes = np.zeros(len(columns.nodes))
    for row, size in columns.images.get(image, {}).items():
        sizes[row] = size
    return sizes


def _normal(image: str) -> str:
    """Return an image reference with its tag, as nodes list it."""
    return image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"


PLUGIN = Plugin("ImageLocality", score=_score)
