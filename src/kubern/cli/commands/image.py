"""`kubern image load FILE` and `kubern image build DIR`: images into a cluster without a registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import click

from kubern.cli.command import Command
from kubern.cli.failure import failures_said
from kubern.cli.flags import Argument, Option

_HELP = "load FILE: an OCI or Docker archive. build DIR: what DIR/Dockerfile describes."


def run(
    action: Annotated[str, Argument(metavar="load|build", help=_HELP)],
    path: Annotated[
        Path, Argument(exists=True, metavar="FILE|DIR", help="The archive to load, or the directory to build.")
    ],
    tag: Annotated[str, Option("--tag", "-t", help="With build: the image's name.")] = "",
    file: Annotated[
        Path | None, Option("--file", "-f", help="With build: the Dockerfile, if not DIR/Dockerfile.")
    ] = None,
    name: Annotated[str, Option(help="The cluster's name.")] = "kubern",
) -> None:
    """Put an image onto every node, now and whenever a node is added: load an archive, or build one from a Dockerfile."""
    from kubern.cluster.images.build import build
    from kubern.cluster.images.keep import keep, running_nodes
    from kubern.cluster.progress import Progress
    from kubern.cluster.running import Cluster

    progress = Progress()
    with failures_said():
        cluster = Cluster(name)
        if action == "load":
            if path.is_dir():
                raise ValueError(f"{path} is a directory; to build its Dockerfile: kubern image build {path}")
            with progress.step(f"loading {path.name} onto {len(running_nodes(cluster))} nodes"):
                names = keep(cluster, path)
        elif action == "build":
            reference = tag or f"localhost/{path.resolve().name.lower()}:latest"
            names = build(cluster, path, file or path / "Dockerfile", reference, progress)
        else:
            raise ValueError(f"{action!r} is neither load nor build")
    for each in names:
        click.echo(each)


COMMAND = Command("image", run)
