"""Node state in columns: one row a node, one NumPy column a resource, so that a plug-in answers for all nodes at once.

Rows are reused when nodes go. Amounts are whole numbers: millicores for cpu, bytes or counts for the rest. Everything that only
labels or taints decide is memoized per question and forgotten when any node's labels or taints change.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from kubern.base.json import Obj
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.relations import Relations
from kubern.scheduler.requests import PodRequests, amounts

Mask = npt.NDArray[np.bool_]
Amounts = npt.NDArray[np.int64]

CPU, MEMORY, EPHEMERAL, PODS = range(4)
_FIXED = ("cpu", "memory", "ephemeral-storage", "pods")
_GROW = 64


class Columns:
    """All nodes that pods may run on."""

    def __init__(self) -> None:
        self.nodes: list[Obj | None] = []
        self.rows: dict[str, int] = {}
        self.resources: dict[str, int] = {name: column for column, name in enumerate(_FIXED)}
        self.allocatable: Amounts = np.zeros((0, len(_FIXED)), np.int64)
        self.requested: Amounts = np.zeros((0, len(_FIXED)), np.int64)
        self.nonzero: Amounts = np.zeros((0, 2), np.int64)
        """cpu and memory asked, with upstream's defaults for containers that ask for none: what scores are made of."""
        self.present: Mask = np.zeros(0, np.bool_)
        self.ports: list[dict[tuple[str, str, int], int]] = []
        """Host ports in use by row: (protocol, ip, port) to how many pods hold it."""
        self.on: list[dict[str, PodInfo]] = []
        """The pods on each row, by uid."""
        self.versions: list[int] = []
        """Changes with everything that happens to a row's pods or to its node."""
        self.relations = Relations()
        self.images: dict[str, dict[int, int]] = {}
        """Image name to its size in bytes by row."""
        self.notes: dict[str, Any] = {}
        """What plug-ins remember from one cycle to the next, by their names."""
        self._changes = 0
        self._users: dict[tuple[str, str], set[str]] = {}
        self._free: list[int] = []
        self._where: dict[str, int] = {}
        self._strays: dict[str, dict[str, PodInfo]] = {}
        self._memo: dict[Hashable, Any] = {}

    # nodes

    def set_node(self, node: Obj) -> None:
        """Add a node or take over its new labels, taints and amounts."""
        name = node["metadata"]["name"]
        row = self.rows.get(name)
        if row is None:
            row = self._new_row()
            self.rows[name] = row
            self.present[row] = True
            self._forget()
            for info in self._strays.pop(name, {}).values():
                self.add_pod(info, name)
        elif _placement(self.nodes[row] or {}) != _placement(node):
            self._forget()
        before, self.nodes[row] = self.nodes[row] or {}, node
        self._touch(row)
        self._index_images(row, before, node)
        quantities = (node.get("status") or {}).get("allocatable") or {}
        if before and (before.get("status") or {}).get("allocatable") == quantities:
            return
        allocatable = amounts(quantities)
        self.allocatable[row] = 0
        for resource, amount in allocatable.items():
            column = self.column(resource)
            self.allocatable[row, column] = amount

    def remove_node(self, name: str) -> None:
        """Forget a node; its pods are remembered in case it comes back."""
        row = self.rows.get(name)
        if row is None:
            return
        for info in list(self.on[row].values()):
            self.remove_pod(info.uid)
            self._strays.setdefault(name, {})[info.uid] = info
        del self.rows[name]
        self._index_images(row, self.nodes[row] or {}, {})
        self.present[row] = False
        self.nodes[row] = None
        self.allocatable[row] = self.requested[row] = 0
        self._free.append(row)
        self._forget()

    def _index_images(self, row: int, old: Obj, new: Obj) -> None:
        before, after = _images(old), _images(new)
        if before == after:
            return
        for name in before.keys() - after.keys():
            self.images[name].pop(row, None)
            if not self.images[name]:
                del self.images[name]
        for name, size in after.items():
            self.images.setdefault(name, {})[row] = size

    # pods

    def add_pod(self, info: PodInfo, node: str) -> None:
        """Count a pod that runs, or is about to run, on `node`; the same pod counts once, in its newest form."""
        row = self.rows.get(node)
        if info.uid in self._where:
            held = self.on[self._where[info.uid]][info.uid]
            if row == self._where[info.uid] and held.counts_like(info):
                self.on[row][info.uid] = info
                self._touch(row)
                return
            self.remove_pod(info.uid)
        if row is None:
            self._strays.setdefault(node, {})[info.uid] = info
            return
        self._where[info.uid] = row
        self.on[row][info.uid] = info
        self._count(row, info.requests, 1)
        self.relations.change(info, row, 1)
        for name in info.claims:
            self._users.setdefault((info.namespace, name), set()).add(info.uid)

    def remove_pod(self, uid: str) -> None:
        """Stop counting a pod; nothing happens when it was not counted."""
        row = self._where.pop(uid, None)
        if row is not None:
            info = self.on[row].pop(uid)
            self._count(row, info.requests, -1)
            self.relations.change(info, row, -1)
            for name in info.claims:
                users = self._users[info.namespace, name]
                users.discard(uid)
                if not users:
                    del self._users[info.namespace, name]
            return
        for pods in self._strays.values():
            pods.pop(uid, None)

    def users(self, namespace: str, claim: str) -> int:
        """Return how many pods on nodes use a PersistentVolumeClaim."""
        return len(self._users.get((namespace, claim), ()))

    def refresh(self, pod: Obj) -> None:
        """Take over a pod's newest object, which counts like the one before."""
        uid = pod["metadata"]["uid"]
        row = self._where.get(uid)
        if row is not None:
            self.on[row][uid].pod = pod
            self._touch(row)

    @property
    def pods(self) -> int:
        """How many pods are counted on nodes."""
        return len(self._where)

    def where(self, uid: str) -> int | None:
        """Return the row that a pod counts on."""
        return self._where.get(uid)

    def _touch(self, row: int) -> None:
        self._changes += 1
        self.versions[row] = self._changes

    def _count(self, row: int, requests: PodRequests, sign: int) -> None:
        self._touch(row)
        for resource, amount in requests.amounts:
            # the column first: making a new one replaces the array
            column = self.column(resource)
            self.requested[row, column] += sign * amount
        self.requested[row, PODS] += sign
        self.nonzero[row, CPU] += sign * requests.nonzero_cpu
        self.nonzero[row, MEMORY] += sign * requests.nonzero_memory
        if requests.ports:
            used = self.ports[row]
            for port in requests.ports:
                used[port] = used.get(port, 0) + sign
                if not used[port]:
                    del used[port]

    # columns and rows

    def memo(self, question: Hashable, answer: Callable[[], Any]) -> Any:
        """Return `answer()`, remembered under `question` until a node's labels or taints change."""
        if question not in self._memo:
            # a cluster whose pods all ask something else must not fill the memory
            if len(self._memo) >= 4096:
                self._memo.clear()
            self._memo[question] = answer()
        return self._memo[question]

    def mask(self, accepts: Callable[[Obj], bool]) -> Mask:
        """Return which nodes `accepts` is true of; absent rows are False."""
        return np.fromiter((node is not None and accepts(node) for node in self.nodes), np.bool_, len(self.nodes))

    def _forget(self) -> None:
        self._memo.clear()

    def column(self, resource: str) -> int:
        """Return the column of a resource; one that no node and no pod has named yet is made."""
        column = self.resources.get(resource)
        if column is None:
            column = self.resources[resource] = len(self.resources)
            empty = np.zeros((len(self.nodes), 1), np.int64)
            self.allocatable = np.hstack((self.allocatable, empty))
            self.requested = np.hstack((self.requested, empty))
        return column

    def _new_row(self) -> int:
        if not self._free:
            first, width = len(self.nodes), len(self.resources)
            self.allocatable = np.vstack((self.allocatable, np.zeros((_GROW, width), np.int64)))
            self.requested = np.vstack((self.requested, np.zeros((_GROW, width), np.int64)))
            self.nonzero = np.vstack((self.nonzero, np.zeros((_GROW, 2), np.int64)))
            self.present = np.concatenate((self.present, np.zeros(_GROW, np.bool_)))
            self.nodes += [None] * _GROW
            self.ports += [{} for _ in range(_GROW)]
            self.on += [{} for _ in range(_GROW)]
            self.versions += [0] * _GROW
            self.relations.resize(first + _GROW)
            self._free = list(range(first + _GROW - 1, first - 1, -1))
        return self._free.pop()


def _placement(node: Obj) -> tuple[Any, ...]:
    """Return what plug-ins other than the resource ones look at."""
    spec = node.get("spec") or {}
    return (node.get("metadata") or {}).get("labels"), spec.get("taints"), spec.get("unschedulable")


def _images(node: Obj) -> dict[str, int]:
    held = (node.get("status") or {}).get("images") or ()
    return {name: int(image.get("sizeBytes") or 0) for image in held for name in image.get("names") or ()}
