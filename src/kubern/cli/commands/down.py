"""`kubern down`: take a cluster away."""

from __future__ import annotations

from typing import Annotated

from kubern.cli.command import Command
from kubern.cli.failure import failures_said
from kubern.cli.flags import Option


def run(name: Annotated[str, Option(help="The cluster's name.")] = "kubern") -> None:
    """Stop the cluster and delete everything of it: no process, mount, namespace, interface, rule or file stays behind."""
    from kubern.cluster.progress import Progress
    from kubern.cluster.running import Cluster
    from kubern.cluster.shutdown import down

    progress = Progress()
    with failures_said():
        cluster = Cluster(name, damaged=True)
        down(cluster, progress)
    progress.say(
        f"The cluster {name} is gone." if cluster.exists else f"There was no cluster {name}; nothing is left of one."
    )


COMMAND = Command("down", run)
