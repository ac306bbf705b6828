"""Where the kubelets' API of virtual nodes looks things up."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kubern.base.json import Obj


class Source(NamedTuple):
    """Where virtual nodes are looked up: `node_at` an address, its pods, one pod, its `stats/v1alpha1` Summary."""

    node_at: Callable[[str], str | None]
    pods_of: Callable[[str], list[Obj]]
    pod: Callable[[str, str], Obj | None]
    summary: Callable[[str], Obj]
