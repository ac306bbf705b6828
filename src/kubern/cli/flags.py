"""From a function's annotations to a command: `Annotated[int, Option(help=...)] = 7` is the flag `--name` with a default of 7.

Used by the files in `commands`; built on click, of which those know nothing but its `Context`. What always holds: a switch takes
`--name`, `--no-name`, and `--name=false` as the flags of upstream's programs do.
"""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


class Option:
    """A flag. `names`: what it is called when not after its parameter; `min`, `max`: bounds of a number, both allowed."""

    def __init__(self, *names: str, help: str = "", min: int | None = None, max: int | None = None) -> None:
        self.names, self.help, self.min, self.max = names, help, min, max


class Argument:
    """A word without a flag. `exists`: a path that must be there."""

    def __init__(self, *, help: str = "", metavar: str | None = None, exists: bool = False) -> None:
        self.help, self.metavar, self.exists = help, metavar, exists


class FlagsCommand(click.Command):
    """A command whose switches may be given a value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `--name=true` as `--name`, and `--name=false` as `--no-name`."""
        switches = {each.opts[0] for each in self.params if isinstance(each, click.Option) and each.is_bool_flag}
        return super().parse_args(ctx, [_switched(word, switches) for word in args])


def command(name: str, run: Callable[..., Any], **settings: Any) -> click.Command:
    """Return the command that calls `run` with what its flags and arguments say. Its docstring is the help."""
    hints = typing.get_type_hints(run, include_extras=True)
    parameters, context = [], ""
    for key, parameter in inspect.signature(run).parameters.items():
        if hints[key] is click.Context:
            context = key
            continue
        kind, how = typing.get_args(hints[key])
        missing: dict[str, Any] = {"required": True}
        if parameter.default is not parameter.empty:
            missing = {"required": False, "default": parameter.default}
        parameters.append(_parameter(key, kind, how, missing))

    def call(**values: Any) -> Any:
        values = {name: list(value) or None if isinstance(value, tuple) else value for name, value in values.items()}
        if context:
            values[context] = click.get_current_context()
        return run(**values)

    return FlagsCommand(name, callback=call, params=parameters, help=inspect.getdoc(run), **settings)


def _parameter(key: str, kind: Any, how: Option | Argument, missing: dict[str, Any]) -> click.Parameter:
    several = typing.get_origin(kind) is list or any(typing.get_origin(each) is list for each in typing.get_args(kind))
    plain, default = _plain(kind), missing.get("default")
    if isinstance(how, Argument):
        typed = click.Path(exists=how.exists, path_type=Path) if plain is Path else _type(plain, None, None)
        return click.Argument([key], type=typed, metavar=how.metavar, help=how.help, **missing)
    flag = key.replace("_", "-")
    names = list(how.names) or [f"--{flag}"]
    if plain is bool:
        if not how.names:
            names = [f"--{flag}/--no-{flag}"]
        return click.Option([*names, key], is_flag=True, help=how.help, show_default=default is not None, **missing)
    return click.Option(
        [*names, key], type=_type(plain, how.min, how.max), multiple=several,
        help=how.help, show_default=default not in (None, "", 0), **missing,
    )  # fmt: skip


def _plain(kind: Any) -> Any:
    """Return the type of one value: of `Path | None` and of `list[Path] | None` it is `Path`."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kind = next(each for each in typing.get_args(kind) if each is not type(None))
    return typing.get_args(kind)[0] if typing.get_origin(kind) is list else kind


def _type(plain: Any, least: int | None, most: int | None) -> click.ParamType[Any]:
    if plain is int and (least, most) != (None, None):
        return click.IntRange(least, most)
    if plain is Path:
        return click.Path(path_type=Path)
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return _Words(plain)
    converted: click.ParamType[Any] = click.types.convert_type(plain)
    return converted


class _Words(click.Choice[str]):
    """The values of an enumeration, as they are written."""

    def __init__(self, kind: type[enum.Enum]) -> None:
        super().__init__([each.value for each in kind])
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the member of the enumeration."""
        return self._kind(super().convert(value, param, ctx))


def _switched(word: str, switches: set[str]) -> str:
    name, equals, value = word.partition("=")
    if not equals or name not in switches:
        return word
    said = value.lower()
    if said in ("true", "t", "1"):
        return name
    return f"--no-{name[2:]}" if said in ("false", "f", "0") else word
