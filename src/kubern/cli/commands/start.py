"""`kubern start`: bring back a cluster that was stopped, or whose machine was switched off."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from kubern.cli.command import Command
from kubern.cli.failure import failures_said
from kubern.cli.flags import Option

if TYPE_CHECKING:
    from kubern.cluster.settings import Settings


def run(name: Annotated[str, Option(help="The cluster's name.")] = "kubern") -> None:
    """Start a stopped cluster again: the same objects, workloads, addresses and certificates."""
    from kubern.cluster.layout import Layout

    with failures_said():
        if not Layout.of(name).settings.exists():
            raise RuntimeError(f"there is no cluster {name!r}; make one with `kubern up --name {name}`")
    bring_up(name, nodes=None, virtual_nodes=None, port=None)


def bring_up(
    name: str, *, nodes: int | None, virtual_nodes: int | None, port: int | None, prometheus_url: str | None = None
) -> None:
    """Start the cluster `name`, making it first where needed, and say how to use it."""
    from kubern.cluster import host
    from kubern.cluster.progress import Progress
    from kubern.cluster.running import Cluster
    from kubern.cluster.settings import grown
    from kubern.cluster.startup import up

    progress = Progress()
    with failures_said():
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)  # what was started is taken back, as for Ctrl-C
        cluster = Cluster(name)
        if cluster.exists:
            settings = grown(cluster.settings, nodes, virtual_nodes, prometheus_url)
        else:
            settings = _asked_for(cluster.settings, nodes, virtual_nodes, port)
            settings = replace(settings, prometheus_url=prometheus_url or "")
        lacking = host.missing_for_nodes() if settings.real else []
        if lacking and not cluster.exists:
            progress.say(f"No containers here ({lacking[0]}): starting the control plane with one virtual node.")
            settings = replace(settings, nodes=0, virtual_nodes=max(settings.virtual_nodes, 1))
        elif lacking:
            raise RuntimeError(f"the cluster has real nodes, which cannot run: {lacking[0]}")
        up(cluster, settings, progress)
        context = cluster.settings.context
    progress.say(f"The cluster [bold]{name}[/bold] is up. kubectl's context is {context}; try: kubectl get nodes")


def _asked_for(default: Settings, nodes: int | None, virtual_nodes: int | None, port: int | None) -> Settings:
    """Return the settings of a new cluster."""
    return replace(
        default,
        nodes=default.nodes if nodes is None else nodes,
        virtual_nodes=default.virtual_nodes if virtual_nodes is None else virtual_nodes,
        api_port=port or default.api_port,
    )


COMMAND = Command("start", run)
