"""`kubern kubectl …`: the kubectl that fits this release, from its wheel, on the running cluster."""

from __future__ import annotations

import os
import sys

import click

from kubern.cli.command import Command


def run(ctx: click.Context) -> None:
    """Run kubectl against the cluster; every argument is kubectl's own."""
    from kubern.cluster.kubectl import binary

    path = binary()
    sys.stdout.flush()
    # as typed: the parser of our own options would take a `--` out, which is kubectl's to see
    os.execv(path, ["kubectl", *sys.argv[sys.argv.index("kubectl") + 1 :]])


COMMAND = Command("kubectl", run, passthrough=True)
