"""`kubern node-agent`: the process that a node's process 1 keeps running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from kubern.cli.command import Command
from kubern.cli.flags import Option


def run(
    state: Annotated[Path, Option(help="The cluster's directory.")],
    node: Annotated[str, Option(help="The node's name.")],
    v: Annotated[int, Option("-v", "--v", help="Log level.")] = 2,
) -> None:
    """Run kubelet and proxy of a node that `kubern up` made."""
    from kubern.cli.component import run_until_told, set_up_logging
    from kubern.cluster.node_agent import run_node_agent

    set_up_logging(v)
    run_until_told(lambda: run_node_agent(state, node))


COMMAND = Command("node-agent", run, hidden=True)
