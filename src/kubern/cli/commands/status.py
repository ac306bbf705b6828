"""`kubern status`: what runs of a cluster."""

from __future__ import annotations

from typing import Annotated

import click

from kubern.cli.command import Command
from kubern.cli.failure import failures_said
from kubern.cli.flags import Option


def run(name: Annotated[str, Option(help="The cluster's name.")] = "kubern") -> None:
    """Show the control plane, the nodes, their processes and memory. Exit code 0 when all run, 3 when something does not."""
    from rich.console import Console
    from rich.table import Table

    from kubern.cluster.running import Cluster
    from kubern.cluster.status import rows

    with failures_said():
        cluster = Cluster(name)
        if not cluster.exists:
            raise RuntimeError(f"there is no cluster {name!r}; make one with `kubern up`")
        found = rows(cluster)
    table = Table("part", "state", "address", "memory", box=None)
    for row in found:
        table.add_row(row.part, row.state, row.address, f"{row.memory >> 20} MB" if row.memory else "")
    Console(highlight=False).print(table)
    if any(row.state in ("stopped", "not ready") for row in found):
        raise click.exceptions.Exit(3)


COMMAND = Command("status", run)
