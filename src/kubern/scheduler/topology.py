"""Topology domains as numbers: the nodes that share a label's value are one domain, and sums over domains are one NumPy call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kubern.scheduler.columns import Columns, Mask

Ids = npt.NDArray[np.int64]
HOSTNAME = "kubernetes.io/hostname"


class Domains(NamedTuple):
    """One topology key: `ids[row]` is the number of the node's domain, and `has[row]` whether it has one."""

    ids: Ids
    has: Mask
    number: int

    def total(self, rows: npt.NDArray[np.int64]) -> Ids:
        """Return the sum of `rows` (one value a node) in each domain; nodes without the label count nowhere."""
        # nodes without a domain have the number after the last one
        return np.bincount(self.ids, weights=rows, minlength=self.number + 1).astype(np.int64)[:-1]

    def spread(self, totals: Ids) -> Ids:
        """Return each node's own domain's total; 0 for a node without the label."""
        return np.append(totals, 0)[self.ids]


def domains(columns: Columns, key: str) -> Domains:
    """Return the domains of a topology key."""
    found: Domains = columns.memo(("topology", key), lambda: _domains(columns, key))
    return found


def _domains(columns: Columns, key: str) -> Domains:
    values = [None if node is None else (node["metadata"].get("labels") or {}).get(key) for node in columns.nodes]
    numbers: dict[str, int] = {}
    for value in values:
        if value is not None:
            numbers.setdefault(value, len(numbers))
    ids = np.fromiter((len(numbers) if v is None else numbers[v] for v in values), np.int64, len(values))
    return Domains(ids, ids < len(numbers), len(numbers))
