"""`kubern why POD`: why a pod is on its node, or on none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from kubern.cli.command import Command
from kubern.cli.flags import Argument, Option

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from kubern.scheduler.config import Configuration
    from kubern.scheduler.explain import Explanation, NodeReport

SHOWN = 20
"""Nodes of either kind that are listed unless --all."""


def run(
    pod: Annotated[str, Argument(help="The pod's name.")],
    namespace: Annotated[str, Option("-n", "--namespace", help="Its namespace.")] = "default",
    kubeconfig: Annotated[
        Path | None, Option(help="How to reach the apiserver; default $KUBECONFIG or ~/.kube/config.")
    ] = None,
    config: Annotated[Path | None, Option(help="The KubeSchedulerConfiguration that the scheduler runs with.")] = None,
    output: Annotated[str, Option("-o", "--output", help="table or json.")] = "table",
    all_nodes: Annotated[bool, Option("--all", help=f"List all nodes, not only {SHOWN} of each kind.")] = False,
) -> None:
    """Show, for each node, which plug-in refuses a pod and what is lacking there, and the scores of the nodes that would take it."""
    import asyncio

    from kubern.cli.failure import failures_said
    from kubern.scheduler.config import load_configuration
    from kubern.scheduler.main import default_configuration
    from kubern.scheduler.registry import load

    with failures_said():
        if output not in ("table", "json"):
            raise ValueError(f"-o {output}: one of table, json")
        settings = load_configuration(config, load()) if config else default_configuration()
        found = asyncio.run(_explain(kubeconfig or _kubeconfig(), settings, namespace, pod))
    if output == "json":
        import orjson

        click.echo(orjson.dumps(found.as_object(), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found, None if all_nodes else SHOWN)


def _kubeconfig() -> Path:
    import os

    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else Path.home() / ".kube" / "config"


async def _explain(kubeconfig: Path, settings: Configuration, namespace: str, name: str) -> Explanation:
    """Read the cluster. Raises `RuntimeError` for what a person can mend."""
    from kubern.base.errors import NotFound, StatusError
    from kubern.client.client import ApiClient
    from kubern.client.kubeconfig import load
    from kubern.client.transport_https import HttpsTransport
    from kubern.scheduler import listers
    from kubern.scheduler.explain import explain
    from kubern.scheduler.follower import NODES
    from kubern.scheduler.profile import DEFAULT_NAME
    from kubern.scheduler.writer import PODS

    client = ApiClient(HttpsTransport(load(kubeconfig)))
    try:
        pod = await client.get(PODS, name, namespace)
        wanted = pod["spec"].get("schedulerName", DEFAULT_NAME)
        profile = next((each for each in settings.profiles if each.name == wanted), None)
        if profile is None:
            raise RuntimeError(f"pod {namespace}/{name} is {wanted}'s; name its configuration with --config")
        objects = {gvr: (await client.list(gvr)).items for gvr in listers.READ}
        nodes, pods = (await client.list(NODES)).items, (await client.list(PODS)).items
        return explain(pod, profile, nodes, pods, objects)
    except NotFound as error:
        raise RuntimeError(f"there is no pod {namespace}/{name}") from error
    except StatusError as error:
        raise RuntimeError(str(error)) from error
    finally:
        await client.close()


def _show(found: Explanation, limit: int | None) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    taking = [each for each in found.nodes if not each.reasons]
    refused = [each for each in found.nodes if each.reasons]
    if found.bound:
        console.print(f"{found.pod} is on {found.bound}. If it were placed now:")
    elif found.message:
        console.print(f"{found.pod} has no node: {found.message}")
    else:
        console.print(f"{found.pod} has no node yet; {len(taking)} would take it:")
    if taking:
        console.print(_scores(taking[:limit], found.bound))
        _more(console, taking, limit)
    if refused:
        console.print(_refusals(refused[:limit]))
        _more(console, refused, limit)


def _more(console: Console, rows: list[NodeReport], limit: int | None) -> None:
    if limit is not None and len(rows) > limit:
        console.print(f"… and {len(rows) - limit} more (--all)")


def _scores(rows: list[NodeReport], bound: str) -> Table:
    from rich.table import Table

    names = list(dict.fromkeys(name for each in rows for name in each.scores))
    table = Table("node", *names, "total", box=None)
    for each in rows:
        points = (f"{each.scores.get(name, 0):.0f}" for name in names)
        table.add_row(f"{each.node} *" if each.node == bound else each.node, *points, f"{each.total:.0f}")
    return table


def _refusals(rows: list[NodeReport]) -> Table:
    from rich.table import Table

    table = Table("node", "refused by", "because", "lacking", box=None)
    for each in rows:
        table.add_row(each.node, each.plugin, ", ".join(each.reasons), each.lacking)
    return table


COMMAND = Command("why", run)
