"""`kubern up`: a running cluster on this machine."""

from __future__ import annotations

from typing import Annotated

import click

from kubern.cli.command import Command
from kubern.cli.flags import Option


def run(
    nodes: Annotated[
        int | None, Option(min=0, max=200, help="How many nodes with real containers (default 1).")
    ] = None,
    virtual_nodes: Annotated[int | None, Option(min=0, help="How many simulated nodes besides.")] = None,
    name: Annotated[str, Option(help="The cluster's name.")] = "kubern",
    port: Annotated[
        int, Option(min=1, max=65535, help="The apiserver's port on 127.0.0.1, or the next free one.")
    ] = 6443,
    prometheus_url: Annotated[
        str | None, Option(help="A Prometheus server for custom and external metrics: http://127.0.0.1:9090")
    ] = None,
) -> None:
    """Set up and start a cluster, or start what is missing of one; `kubectl` then talks to it."""
    from kubern.cli.commands.start import bring_up

    if prometheus_url and not prometheus_url.startswith(("http://", "https://")):
        raise click.BadParameter(f"--prometheus-url: {prometheus_url!r} is not http://HOST:PORT")
    bring_up(name, nodes=nodes, virtual_nodes=virtual_nodes, port=port, prometheus_url=prometheus_url)


COMMAND = Command("up", run)
