"""`kubern proxy`: the service proxy as a program of its own."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from kubern.cli.command import Command
from kubern.cli.flags import Option
from kubern.cli.options import takes


@takes()
def run(
    flags: Mapping[str, object],
    kubeconfig: Annotated[Path, Option(help="How to reach the apiserver.")],
    hostname_override: Annotated[str, Option(help="The node's name, if not the host's.")] = "",
    cluster_cidr: Annotated[str, Option(help="The range of all pods of the cluster.")] = "",
    healthz_bind_address: Annotated[
        str, Option(help="Where load balancers ask for the health; empty: nowhere.")
    ] = "0.0.0.0:10256",
    metrics_bind_address: Annotated[
        str, Option(help="Where metrics and status are shown, to everybody; empty: nowhere.")
    ] = "127.0.0.1:10249",
    profiling: Annotated[bool, Option(help="Show /debug/pprof/ there too.")] = False,
    cleanup: Annotated[bool, Option(help="Remove the rules and end.")] = False,
    v: Annotated[int, Option("-v", "--v", help="Log level.")] = 2,
) -> None:
    """Turn Services into rules of this node's kernel."""
    from kubern.cli.component import run_component
    from kubern.cli.failure import failures_said
    from kubern.diagnostics.zpages import shown
    from kubern.proxy.backends.nftables import TABLE
    from kubern.proxy.command import Listen, run_served_proxy
    from kubern.proxy.loader import remove

    if cleanup:
        remove(TABLE)
        return
    node = hostname_override or socket.gethostname()
    with failures_said():
        given = {name: shown(value) for name, value in flags.items()}
        listen = Listen(_address(healthz_bind_address), _address(metrics_bind_address), profiling, given)
    run_component(
        lambda client, clock: run_served_proxy(client, clock, node, cluster_cidr, listen), kubeconfig, v, "kube-proxy"
    )


def _address(text: str) -> tuple[str, int] | None:
    """Read `HOST:PORT`; None for nothing, or port 0. Raises `ValueError`."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"not an address with a port: {text!r}")
    return (host.strip("[]"), int(port)) if int(port) else None


COMMAND = Command("proxy", run, group="Components")
