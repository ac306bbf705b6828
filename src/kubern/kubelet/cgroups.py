"""Pods' control groups: `<root>/kubepods[/burstable|/besteffort]/pod<uid>` in every hierarchy, with the pod's own limits.

The runtime puts containers below and never removes the pod's group: that is done here. Works on cgroup v1, hybrid and v2.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.kubelet.podspec import uid
from kubern.kubelet.qos import BEST_EFFORT, BURSTABLE, GUARANTEED, PERIOD, PodLimits, pod_limits, qos_class

_log = logging.getLogger(__name__)
_FOLDERS = {GUARANTEED: "", BURSTABLE: "burstable", BEST_EFFORT: "besteffort"}
_V2_CONTROLLERS = "+cpu +memory +pids"


class Hierarchy(NamedTuple):
    """One mounted hierarchy: its v1 controllers, or none for v2."""

    root: Path
    controllers: frozenset[str]

    @property
    def unified(self) -> bool:
        """Whether this is cgroup v2's one hierarchy."""
        return not self.controllers


def hierarchies(mounts: str) -> list[Hierarchy]:
    """Read the hierarchies out of a text as /proc/self/mounts."""
    known = {"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "net_cls", "net_prio",
             "perf_event", "hugetlb", "rdma", "misc"}  # fmt: skip
    found: dict[Path, Hierarchy] = {}
    for line in mounts.splitlines():
        _, point, kind, options, *_ = line.split(" ")
        if kind == "cgroup2":
            found[Path(point)] = Hierarchy(Path(point), frozenset())
        elif kind == "cgroup":
            controllers = frozenset(options.split(",")) & known or frozenset({"name"})
            found[Path(point)] = Hierarchy(Path(point), controllers)
    return list(found.values())


class Cgroups:
    """Makes and removes the control groups of pods below `root` (`--cgroup-root`)."""

    def __init__(self, root: str, hierarchies: list[Hierarchy], max_pids: int = -1) -> None:
        self._root = "/" + root.strip("/")
        self._hierarchies = hierarchies
        # limits go to v2 only where no v1 hierarchy has the controllers
        self._v2_only = all(each.unified for each in hierarchies)
        self._max_pids = max_pids

    def parent(self, pod: Obj) -> str:
        """Return the pod's control group, as the runtime is told it."""
        folder = _FOLDERS[qos_class(pod)]
        return "/".join((self._root.rstrip("/"), "kubepods", *((folder,) if folder else ()), f"pod{uid(pod)}"))

    async def ensure(self, pod: Obj) -> str:
        """Make the pod's group with its limits; return its path."""
        path = self.parent(pod)
        await asyncio.to_thread(self._ensure, path, pod_limits(pod), qos_class(pod) == BEST_EFFORT)
        return path

    def _ensure(self, path: str, limits: PodLimits, best_effort: bool) -> None:
        for hierarchy in self._hierarchies:
            folder = hierarchy.root / path.lstrip("/")
            if not folder.is_dir():
                self._make(hierarchy, folder)
            values = self._v2(limits) if hierarchy.unified else self._v1(limits)
            for name, value in values.items():
                _write(folder / name, value)
            if best_effort and "cpu" in hierarchy.controllers:
                _write(folder.parent / "cpu.shares", "2")

    def _make(self, hierarchy: Hierarchy, folder: Path) -> None:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            if hierarchy.unified and self._v2_only:
                _write(each.parent / "cgroup.subtree_control", _V2_CONTROLLERS)
            each.mkdir(exist_ok=True)
            if "cpuset" in hierarchy.controllers:
                # a new group has no CPUs at all until it is told which
                for name in ("cpuset.cpus", "cpuset.mems"):
                    _write(each / name, (each.parent / name).read_text().strip())
        if hierarchy.unified and self._v2_only and missing:
            _write(missing[0] / "cgroup.subtree_control", _V2_CONTROLLERS)

    def _v1(self, limits: PodLimits) -> Mapping[str, str]:
        values = {
            "cpu.shares": str(limits.cpu_shares),
            "cpu.cfs_period_us": str(PERIOD),
            "cpu.cfs_quota_us": str(limits.cpu_quota or -1),
            "pids.max": "max" if self._max_pids <= 0 else str(self._max_pids),
        }
        return values | ({"memory.limit_in_bytes": str(limits.memory_limit)} if limits.memory_limit else {})

    def _v2(self, limits: PodLimits) -> Mapping[str, str]:
        if not self._v2_only:
            return {}
        # the documented mapping of 2…262144 shares to 1…10000
        weight = 1 + (limits.cpu_shares - 2) * 9999 // 262142
        return {
            "cpu.weight": str(weight),
            "cpu.max": f"{limits.cpu_quota or 'max'} {PERIOD}",
            "memory.max": str(limits.memory_limit or "max"),
            "pids.max": "max" if self._max_pids <= 0 else str(self._max_pids),
        }

    def pods(self) -> set[str]:
        """Return the uids of all pods that have a group."""
        found = set()
        for hierarchy in self._hierarchies:
            top = hierarchy.root / self._root.strip("/") / "kubepods"
            for folder in (top, top / "burstable", top / "besteffort"):
                found |= {each.name[3:] for each in folder.glob("pod*") if each.is_dir()}
        return found

    async def remove(self, pod_uid: str) -> None:
        """Remove a pod's groups, with what is left in them."""
        await asyncio.to_thread(self._remove, pod_uid)

    def _remove(self, pod_uid: str) -> None:
        for hierarchy in self._hierarchies:
            top = hierarchy.root / self._root.strip("/") / "kubepods"
            for part in _FOLDERS.values():
                folder = top / part / f"pod{pod_uid}"
                if folder.is_dir():
                    _remove_tree(folder)


def _write(path: Path, value: str) -> None:
    # a hierarchy has the files of its own controllers only
    if path.exists():
        try:
            path.write_text(value)
        except OSError as error:
            _log.warning("cgroup limit refused: %s=%s: %s", path, value, error)


def _remove_tree(folder: Path) -> None:
    """Remove a group with all below, deepest first; the kernel lets one go a little after its last process."""
    for each in sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        if each.is_dir():
            _remove_one(each)
    _remove_one(folder)


def _remove_one(folder: Path) -> None:
    for _ in range(20):
        with contextlib.suppress(OSError):
            folder.rmdir()
        if not folder.exists():
            return
        time.sleep(0.01)
    _log.warning("cgroup is still busy: %s", folder)
