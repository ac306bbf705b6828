"""`kubern scheduler`: the scheduler as a program of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kubern.cli.command import Command


def run(
    kubeconfig: Annotated[Path, typer.Option(help="How to reach the apiserver.")],
    scheduler_name: Annotated[
        str, typer.Option(help="Schedule the pods whose spec.schedulerName is this.")
    ] = "default-scheduler",
    v: Annotated[
        int, typer.Option("-v", "--v", help="Log level: 2 and more says what is done, 4 and more everything.")
    ] = 2,
) -> None:
    """Place pods on nodes, for any Kubernetes API server."""
    from kubern.cli.component import run_component
    from kubern.scheduler.main import run_scheduler
    from kubern.scheduler.profile import Profile
    from kubern.scheduler.registry import load

    profiles = [Profile(scheduler_name, load())]
    run_component(lambda client, clock: run_scheduler(client, clock, profiles), kubeconfig, v)


COMMAND = Command("scheduler", run, group="Components")
