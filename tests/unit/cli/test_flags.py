"""What a command's annotations mean on the command line."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import click
import pytest
from click.testing import CliRunner

from kubern.base.scan import scan
from kubern.cli import application, commands
from kubern.cli.command import Command
from kubern.cli.flags import Argument, Option, command


class Size(StrEnum):
    """Two words."""

    SMALL = "small"
    LARGE = "large"


def run(
    size: Annotated[Size, Argument(help="How large.")],
    file: Annotated[Path | None, Option("-f", "--file", help="A file.")] = None,
    count: Annotated[int, Option(min=1, max=5)] = 2,
    keys: Annotated[list[Path] | None, Option()] = None,
    profiling: Annotated[bool, Option(help="Profiles.")] = True,
    maybe: Annotated[bool | None, Option()] = None,
    name: Annotated[str, Option()] = "",
    everything: Annotated[bool, Option("-a", "--all")] = False,
) -> None:
    """Do it."""
    click.echo(repr((size, file, count, keys, profiling, maybe, name, everything)))


def said(*words: str) -> str:
    result = CliRunner().invoke(command("run", run), words)
    assert result.exit_code == 0, result.output
    return result.output.strip()


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["small"], (Size.SMALL, None, 2, None, True, None, "", False)),
        (["large", "-f", "x", "--count=5"], (Size.LARGE, Path("x"), 5, None, True, None, "", False)),
        (["small", "--keys=a", "--keys", "b"], (Size.SMALL, None, 2, [Path("a"), Path("b")], True, None, "", False)),
        (["small", "--no-profiling", "--maybe"], (Size.SMALL, None, 2, None, False, True, "", False)),
        (["small", "--profiling=false", "--maybe=true"], (Size.SMALL, None, 2, None, False, True, "", False)),
        (["small", "--maybe=False", "--name=true"], (Size.SMALL, None, 2, None, True, False, "true", False)),
        (["small", "--all"], (Size.SMALL, None, 2, None, True, None, "", True)),
        (["small", "-a", "--name=x"], (Size.SMALL, None, 2, None, True, None, "x", True)),
    ],
)
def test_flags(words: list[str], values: tuple[Any, ...]) -> None:
    assert said(*words) == repr(values)


@pytest.mark.parametrize(
    ("words", "words_said"),
    [
        ([], "Missing argument"),
        (["tiny"], "'tiny' is not one of 'small', 'large'"),
        (["small", "--count=6"], "6 is not in the range 1<=x<=5"),
        (["small", "--profiling=maybe"], "--profiling"),
        (["small", "--nmae=x"], "No such option"),
    ],
)
def test_what_is_refused(words: list[str], words_said: str) -> None:
    result = CliRunner().invoke(command("run", run), words)
    assert result.exit_code == 2
    assert words_said in result.output


def test_every_command_says_what_it_does_and_the_help_shows_it_under_its_heading() -> None:
    found = scan(commands, "COMMAND", Command)
    result = CliRunner().invoke(application(found), ["--help"])
    assert result.exit_code == 0
    assert result.output.index("Cluster:") < result.output.index("  up ") < result.output.index("Components:")
    for each in found:
        assert (f"  {each.name} " in result.output) is not each.hidden
        if not each.passthrough:
            helped = CliRunner().invoke(application(found), [each.name, "-h"])
            assert helped.exit_code == 0
            assert helped.output.startswith(f"Usage: cli {each.name}") or each.name in helped.output
