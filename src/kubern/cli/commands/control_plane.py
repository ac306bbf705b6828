"""`kubern control-plane`: the process that `kubern up` starts for everything but the nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from kubern.cli.command import Command
from kubern.cli.flags import Option


def run(
    state: Annotated[Path, Option(help="The cluster's directory.")],
    v: Annotated[int, Option("-v", "--v", help="Log level.")] = 2,
) -> None:
    """Run store, apiserver, scheduler, controllers and DNS of a cluster that `kubern up` made."""
    from kubern.cli.component import run_until_told, set_up_logging
    from kubern.cluster.control_plane import run_control_plane

    set_up_logging(v)
    run_until_told(lambda: run_control_plane(state))


COMMAND = Command("control-plane", run, hidden=True)
