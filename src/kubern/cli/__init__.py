"""The command line: `kubern COMMAND`. Only the file of the command asked for is imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import typer

from kubern.base.scan import scan
from kubern.cli import commands
from kubern.cli.command import Command


def main() -> None:
    """Run the command line; the entry point of `./kubern` and of the installed `kubern`."""
    application(_wanted(sys.argv[1:]))(prog_name="kubern")


def application(wanted: list[Command]) -> typer.Typer:
    """Return the typer application that offers the `wanted` commands."""
    app = typer.Typer(
        help="Kubernetes, written in Python.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)
    for command in wanted:
        settings = {"allow_extra_args": True, "ignore_unknown_options": True} if command.passthrough else {}
        app.command(
            command.name,
            hidden=command.hidden,
            rich_help_panel=command.group,
            context_settings=settings | {"help_option_names": [] if command.passthrough else ["-h", "--help"]},
        )(command.run)
    return app


def _wanted(arguments: list[str]) -> list[Command]:
    """Return the one command that `arguments` name, or all of them for the help page and for a mistyped name."""
    name = next((a for a in arguments if not a.startswith("-")), "").replace("-", "_")
    if name.isidentifier() and importlib.util.find_spec(f"{commands.__name__}.{name}"):
        module = importlib.import_module(f"{commands.__name__}.{name}")
        command: Command = module.COMMAND
        return [command]
    return scan(commands, "COMMAND", Command)
