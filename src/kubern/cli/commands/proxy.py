"""`kubern proxy`: the service proxy as a program of its own."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from kubern.cli.command import Command


def run(
    kubeconfig: Annotated[Path, typer.Option(help="How to reach the apiserver.")],
    hostname_override: Annotated[str, typer.Option(help="The node's name, if not the host's.")] = "",
    cluster_cidr: Annotated[str, typer.Option(help="The range of all pods of the cluster.")] = "",
    cleanup: Annotated[bool, typer.Option(help="Remove the rules and end.")] = False,
    v: Annotated[int, typer.Option("-v", "--v", help="Log level.")] = 2,
) -> None:
    """Turn Services into rules of this node's kernel."""
    from kubern.cli.component import run_component
    from kubern.proxy.backends.nftables import TABLE
    from kubern.proxy.loader import remove
    from kubern.proxy.proxy import run_proxy

    if cleanup:
        remove(TABLE)
        return
    node = hostname_override or socket.gethostname()
    run_component(lambda client, clock: run_proxy(client, clock, node, cluster_cidr), kubeconfig, v, "kube-proxy")


COMMAND = Command("proxy", run, group="Components")
