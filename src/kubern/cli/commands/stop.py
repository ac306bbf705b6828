"""`kubern stop`: shut a cluster down and keep it."""

from __future__ import annotations

from typing import Annotated

from kubern.cli.command import Command
from kubern.cli.failure import failures_said
from kubern.cli.flags import Option


def run(name: Annotated[str, Option(help="The cluster's name.")] = "kubern") -> None:
    """Shut the cluster down; `kubern start` brings the same one back."""
    from kubern.cluster.progress import Progress
    from kubern.cluster.running import Cluster
    from kubern.cluster.shutdown import stop

    with failures_said():
        cluster = Cluster(name)
        if not cluster.exists:
            raise RuntimeError(f"there is no cluster {name!r}")
        stop(cluster, Progress())


COMMAND = Command("stop", run)
