"""Stopping a cluster, and taking it away so that nothing of it stays: what `kubern stop` and `kubern down` do."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kubern.cluster import fabric, host, kubeconfig, processes
from kubern.cluster.layout import home
from kubern.cluster.node import BUSYBOX, delete_tree, remove_cluster_cgroup
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
        # what is not kept needs no tidy end
        processes.stop(cluster.layout.processes, CONTROL_PLANE, grace=10 if grace else 0)
    fabric.delete_namespace(fabric.fabric_namespace(cluster.settings.name))
    remove_cluster_cgroup(cluster.settings.name)


def down(cluster: Cluster, progress: Progress) -> None:
    """Take the cluster away: processes, namespaces, cgroups, files, and its place in the user's kubeconfig.

    Raises `RuntimeError` when a cluster of that name runs out of another directory, `UnreadableKubeconfig` after all else is gone.
    """
    with only_one(cluster.layout):
        if other := cluster.elsewhere():
            raise RuntimeError(
                f"the running cluster {cluster.settings.name!r} has its state in {other}: set KUBERN_HOME to the directory above that"
            )
        _stop(cluster, progress, grace=0)
        with progress.step("deleting what it stored"):
            sweep(cluster, keep_logs=False)
    _leave_home()
    kubeconfig.remove(kubeconfig.users_file(), cluster.settings.context)


def sweep(cluster: Cluster, *, keep_logs: bool) -> None:
    """End and delete everything that is left of a cluster on this machine, whether anybody remembers it or not."""
    _end_strays(cluster)
    for node in cluster.nodes():
        node.kill()
    for namespace in fabric.namespaces_of(cluster.settings.name):
        fabric.delete_namespace(namespace)
    remove_cluster_cgroup(cluster.settings.name)
    for folder in _stored(cluster, keep_logs):
        delete_tree(folder)


def _end_strays(cluster: Cluster) -> None:
    """Kill what runs out of the cluster's directory though no record of it is left."""
    root = cluster.layout.root
    found = processes.speaking_of("control-plane", "--state", str(root))
    for node in cluster.nodes():
        found += processes.speaking_of(BUSYBOX, "sh", str(node.paths.config / "init.sh"))
    processes.kill_all([each.pid for each in found])
    for each in found:
        processes.gone(each, 10)


def _stored(cluster: Cluster, keep_logs: bool) -> list[Path]:
    """Return the directories to delete: the cluster's own, or everything in it but the logs."""
    root = cluster.layout.root
    if not keep_logs:
        return [root]
    kept = [cluster.layout.logs, *(node.paths.logs for node in cluster.nodes())]
    parts = [*root.glob("*"), *cluster.layout.nodes.glob("*/*")]
    return [part for part in parts if part != cluster.layout.nodes and part not in kept]


def _leave_home() -> None:
    """After the last cluster: remove what was made outside the clusters' own directories."""
    place = home()
    if place.is_dir() and not [each for each in place.iterdir() if each.is_dir()]:
        host.remove_shared(place / ".made-on-host")
        with contextlib.suppress(OSError):
            place.rmdir()
