"""`kubern dns`: the cluster's DNS server as a program of its own."""

from __future__ import annotations

import functools
import socket
from pathlib import Path
from typing import Annotated

from kubern.cli.command import Command
from kubern.cli.flags import Option


def run(
    kubeconfig: Annotated[Path, Option(help="How to reach the apiserver.")],
    bind_address: Annotated[str, Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int, Option(help="Port to serve on, UDP and TCP.")] = 53,
    cluster_domain: Annotated[str, Option(help="The cluster's domain.")] = "cluster.local",
    forward: Annotated[
        str, Option(help="ADDRESS[:PORT] of a server for all other names; without it they are refused.")
    ] = "",
    v: Annotated[int, Option("-v", "--v", help="Log level.")] = 2,
) -> None:
    """Answer for the cluster's Services and pods."""
    from kubern.cli.component import run_component
    from kubern.cli.failure import failures_said
    from kubern.dns.dns import run_dns
    from kubern.dns.forward import ask

    host, _, number = forward.partition(":")
    elsewhere = functools.partial(ask, (host, int(number or 53))) if forward else None
    with failures_said():
        udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for sock in (udp, tcp):
            sock.setblocking(False)
            sock.bind((bind_address, port))
        tcp.listen()
    run_component(
        lambda client, clock: run_dns(client, clock, (udp, tcp), cluster_domain, elsewhere), kubeconfig, v, "coredns"
    )


COMMAND = Command("dns", run, group="Components")
