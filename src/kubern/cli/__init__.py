"""The command line: `kubern COMMAND`. Only the file of the command asked for is imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

import click

from kubern.base.scan import scan
from kubern.cli import commands
from kubern.cli.command import Command
from kubern.cli.flags import command

_NAMES = 24
"""Columns that the names of the commands may take in the help."""
_HELP: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


def main() -> None:
    """Run the command line; the entry point of `./kubern` and of the installed `kubern`."""
    application(_wanted(sys.argv[1:])).main(prog_name="kubern")


def application(wanted: list[Command]) -> click.Group:
    """Return the group that offers the `wanted` commands."""
    group = Commands(help="Kubernetes, written in Python.", context_settings=_HELP)
    for each in wanted:
        # every argument of a passthrough is somebody else's, --help too
        settings: dict[str, Any] = {"help_option_names": []} if each.passthrough else _HELP
        if each.passthrough:
            settings = settings | {"allow_extra_args": True, "ignore_unknown_options": True}
        made = command(each.name, each.run, hidden=each.hidden, context_settings=settings)
        group.add_command(made)
        group.headings[each.name] = each.group
    return group


class Commands(click.Group):
    """The group of all commands, whose help shows them under headings."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.headings: dict[str, str] = {}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each heading with its commands."""
        for heading in sorted(set(self.headings.values())):  # "Cluster" is for people, and comes first
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (name, made.get_short_help_str(formatter.width - _NAMES))
                        for name, made in self.commands.items()
                        if self.headings[name] == heading and not made.hidden
                    ]
                )


def _wanted(arguments: list[str]) -> list[Command]:
    """Return the one command that `arguments` name, or all of them for the help page and for a mistyped name."""
    name = next((a for a in arguments if not a.startswith("-")), "").replace("-", "_")
    if name.isidentifier() and importlib.util.find_spec(f"{commands.__name__}.{name}"):
        module = importlib.import_module(f"{commands.__name__}.{name}")
        command: Command = module.COMMAND
        return [command]
    return scan(commands, "COMMAND", Command)
