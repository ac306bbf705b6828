"""`kubern scheduler`: the scheduler as a program of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from kubern.cli.command import Command
from kubern.cli.flags import Option
from kubern.cli.options import LeaderElection, SecurePort, takes

SECURE_PORT = 10259


@takes(election=LeaderElection, port=SecurePort)
def run(
    election: LeaderElection,
    port: SecurePort,
    flags: Mapping[str, object],
    kubeconfig: Annotated[Path | None, Option(help="How to reach the apiserver.")] = None,
    config: Annotated[
        Path | None, Option(help="A KubeSchedulerConfiguration file: profiles, plug-ins, weights, extenders.")
    ] = None,
    scheduler_name: Annotated[
        str, Option(help="Without --config: schedule the pods whose spec.schedulerName is this.")
    ] = "default-scheduler",
    leader_elect: Annotated[
        bool | None,
        Option(help="Work only while holding the Lease kube-scheduler. Without it the file decides; default yes."),
    ] = None,
    v: Annotated[int, Option("-v", "--v", help="Log level: 2 and more says what is done, 4 and more everything.")] = 2,
) -> None:
    """Place pods on nodes, for any Kubernetes API server."""
    from kubern.cli.failure import failures_said
    from kubern.cli.served import Program, run_served
    from kubern.scheduler.config import load_configuration
    from kubern.scheduler.main import default_configuration, run_elected, run_scheduler
    from kubern.scheduler.registry import load

    with failures_said():
        settings = load_configuration(config, load()) if config else default_configuration(scheduler_name)
        settings = settings._replace(lease=election.settings(settings.lease))
        target = kubeconfig or (Path(settings.kubeconfig) if settings.kubeconfig else None)
        if target is None:
            raise ValueError(
                "say how to reach the apiserver: --kubeconfig, or clientConnection.kubeconfig in the --config file"
            )
    elect = settings.leader_elect if leader_elect is None else leader_elect
    start = run_elected if elect else run_scheduler
    run_served(
        lambda client, clock, told: start(client, clock, settings, introspection=told),
        target, v, Program("kube-scheduler", port, SECURE_PORT, flags),
    )  # fmt: skip


COMMAND = Command("scheduler", run, group="Components")
