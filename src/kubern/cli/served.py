"""How a program with a secure port runs: its work, and beside it the port that tells of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from kubern.base import garbage
from kubern.base.clock import Clock
from kubern.base.introspection import Introspection
from kubern.cli.component import run_component
from kubern.cli.failure import failures_said
from kubern.cli.options import SecurePort
from kubern.client.client import ApiClient
from kubern.client.contract import Client

Main = Callable[[ApiClient, Clock, Introspection], Awaitable[None]]


class Program(NamedTuple):
    """What is run: its name, as upstream's program of the kind is called, its port and flags."""

    name: str
    port: SecurePort
    default_port: int
    flags: Mapping[str, object]


def run_served(main: Main, kubeconfig: Path, verbosity: int, program: Program) -> None:
    """Run a program as the user of a kubeconfig."""
    name, port = program.name, program.port
    with failures_said():
        settings = port.serving(program.default_port)

    async def served(client: ApiClient, clock: Clock) -> None:
        introspection = Introspection()
        async with AsyncExitStack() as opened:
            if settings.secure_port:
                from kubern.diagnostics.port import About
                from kubern.diagnostics.serving import Delegates, secure_port
                from kubern.diagnostics.zpages import shown

                introspection.sources.append(client.transport.counts.families)
                delegates = Delegates(
                    await _client(opened, port.authentication_kubeconfig, name),
                    await _client(opened, port.authorization_kubeconfig, name),
                )
                flags = {flag: shown(value) for flag, value in program.flags.items()}
                about = About(name, flags, port.profiling)
                await opened.enter_async_context(secure_port(settings, about, introspection, clock, delegates))
            garbage.settle()
            await main(client, clock, introspection)

    run_component(served, kubeconfig, verbosity, name)


async def _client(opened: AsyncExitStack, kubeconfig: Path | None, name: str) -> Client | None:
    """Return a client as the user of a kubeconfig, None without one; it is closed in the end."""
    if kubeconfig is None:
        return None
    from kubern.client.kubeconfig import load
    from kubern.client.transport_https import HttpsTransport

    client = ApiClient(HttpsTransport(load(kubeconfig), name))
    opened.push_async_callback(client.close)
    return client
