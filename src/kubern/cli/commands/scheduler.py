"""`kubern scheduler`: the scheduler as a program of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kubern.cli.command import Command


def run(
    kubeconfig: Annotated[Path | None, typer.Option(help="How to reach the apiserver.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A KubeSchedulerConfiguration file: profiles, plug-ins, weights, extenders.")
    ] = None,
    scheduler_name: Annotated[
        str, typer.Option(help="Without --config: schedule the pods whose spec.schedulerName is this.")
    ] = "default-scheduler",
    leader_elect: Annotated[
        bool | None,
        typer.Option(
            help="Work only while holding the Lease kube-scheduler. Without it the file decides; default yes."
        ),
    ] = None,
    leader_elect_lease_duration: Annotated[
        str, typer.Option(help="How long others wait for a leader that is silent; default 15s.")
    ] = "",
    leader_elect_renew_deadline: Annotated[
        str, typer.Option(help="How long a leader that cannot renew goes on; default 10s.")
    ] = "",
    leader_elect_retry_period: Annotated[str, typer.Option(help="Pause between two attempts; default 2s.")] = "",
    leader_elect_resource_name: Annotated[str, typer.Option(help="The Lease's name; default kube-scheduler.")] = "",
    leader_elect_resource_namespace: Annotated[
        str, typer.Option(help="The Lease's namespace; default kube-system.")
    ] = "",
    v: Annotated[
        int, typer.Option("-v", "--v", help="Log level: 2 and more says what is done, 4 and more everything.")
    ] = 2,
) -> None:
    """Place pods on nodes, for any Kubernetes API server."""
    from kubern.cli.component import run_component
    from kubern.cli.election import lease_settings
    from kubern.cli.failure import failures_said
    from kubern.scheduler.config import load_configuration
    from kubern.scheduler.main import default_configuration, run_elected, run_scheduler
    from kubern.scheduler.registry import load

    with failures_said():
        settings = load_configuration(config, load()) if config else default_configuration(scheduler_name)
        settings = settings._replace(
            lease=lease_settings(
                settings.lease,
                {
                    "lease_duration": leader_elect_lease_duration,
                    "renew_deadline": leader_elect_renew_deadline,
                    "retry_period": leader_elect_retry_period,
                    "name": leader_elect_resource_name,
                    "namespace": leader_elect_resource_namespace,
                },
            )
        )
        target = kubeconfig or (Path(settings.kubeconfig) if settings.kubeconfig else None)
        if target is None:
            raise ValueError(
                "say how to reach the apiserver: --kubeconfig, or clientConnection.kubeconfig in the --config file"
            )
    elect = settings.leader_elect if leader_elect is None else leader_elect
    start = run_elected if elect else run_scheduler
    run_component(lambda client, clock: start(client, clock, settings), target, v, "kube-scheduler")


COMMAND = Command("scheduler", run, group="Components")
