"""What a file in `cli/commands/` exports as COMMAND: adding a sub-command is adding one file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Command(NamedTuple):
    """One sub-command of `kubern`.

    `run` is a function whose annotations say its flags (`flags`); its docstring is the help text. Heavy imports belong inside it, so that
    `kubern --help` and other commands start fast. `passthrough` hands every argument on unread (`ctx.args`).
    """

    name: str
    run: Callable[..., Any]
    passthrough: bool = False
    hidden: bool = False
    group: str = "Cluster"
    """The heading in the help: "Cluster" for people, "Components" for the single programs."""
