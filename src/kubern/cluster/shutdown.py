"""Stopping a cluster, and taking it away so that nothing of it stays: what `kubern stop` and `kubern down` do."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

from kubern.cluster import fabric, host, kubeconfig, processes
from kubern.cluster.layout import home
from kubern.cluster.node import delete_tree, remove_cluster_cgroup
from kubern.cluster.progress import Progress
from kubern.cluster.running import CONTROL_PLANE, Cluster, only_one


def stop(cluster: Cluster, progress: Progress) -> None:
    """Shut the cluster down and keep all it stored; `up` brings the same one back."""
    with only_one(cluster.layout):
        _stop(cluster, progress, grace=5)


def _stop(cluster: Cluster, progress: Progress, grace: float) -> None:
    with progress.step("stopping the nodes"), ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda node: node.stop(grace=grace), cluster.nodes()))
    with progress.step("stopping the control plane"):
        processes.stop(cluster.layout.processes, CONTROL_PLANE, grace=10)
    fabric.delete_namespace(fabric.fabric_namespace(cluster.settings.name))
    remove_cluster_cgroup(cluster.settings.name)


def down(cluster: Cluster, progress: Progress) -> None:
    """Take the cluster away: processes, namespaces, cgroups, files, and its place in the user's kubeconfig."""
    with only_one(cluster.layout):
        _stop(cluster, progress, grace=0)
        with progress.step("deleting what it stored"):
            sweep(cluster, keep_logs=False)
    _leave_home()


def sweep(cluster: Cluster, *, keep_logs: bool) -> None:
    """Delete everything that is left of a cluster whose processes have ended."""
    for node in cluster.nodes():
        node.remove() if not keep_logs else node.kill()
    fabric.delete_namespace(fabric.fabric_namespace(cluster.settings.name))
    remove_cluster_cgroup(cluster.settings.name)
    kubeconfig.remove(kubeconfig.users_file(), cluster.settings.context)
    if not keep_logs:
        delete_tree(cluster.layout.root)


def _leave_home() -> None:
    """After the last cluster: remove what was made outside the clusters' own directories."""
    place = home()
    if place.is_dir() and not [each for each in place.iterdir() if each.is_dir()]:
        host.remove_shared(place / ".made-on-host")
        with contextlib.suppress(OSError):
            place.rmdir()
