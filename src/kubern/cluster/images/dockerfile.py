"""Reads a Dockerfile into instructions. Pure. Source: the Dockerfile reference.

What an image without a registry and a build daemon needs is understood; anything else is refused by its line, not passed over.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import NamedTuple

_KNOWN = {
    "FROM", "RUN", "COPY", "ADD", "ENV", "ARG", "WORKDIR", "USER", "CMD", "ENTRYPOINT", "EXPOSE", "LABEL", "VOLUME", "STOPSIGNAL",
    "SHELL", "MAINTAINER", "HEALTHCHECK",
}  # fmt: skip
_VARIABLE = re.compile(r"\\\$|\$(?:(\w+)|\{(\w+)(?:(:[-+])([^}]*))?\})")


class DockerfileError(ValueError):
    """A line that cannot be understood; the message names it."""


class Instruction(NamedTuple):
    """One instruction: its name in capitals, its flags (`--from=x` → from: x) and the rest of the line, unexpanded."""

    line: int
    name: str
    flags: Mapping[str, str]
    rest: str


def parse(text: str) -> list[Instruction]:
    """Return the instructions of a Dockerfile. Raises `DockerfileError`."""
    found = []
    for number, logical in _logical_lines(text):
        name, _, rest = logical.partition(" ")
        name = name.upper()
        if name not in _KNOWN:
            raise DockerfileError(f"line {number}: unknown instruction {name}")
        flags = {}
        rest = rest.strip()
        while rest.startswith("--") and name in ("FROM", "COPY", "ADD", "RUN"):
            flag, _, rest = rest.partition(" ")
            key, _, value = flag[2:].partition("=")
            flags[key] = value
            rest = rest.lstrip()
        if not rest:
            raise DockerfileError(f"line {number}: {name} needs arguments")
        found.append(Instruction(number, name, flags, rest))
    if not any(each.name == "FROM" for each in found):
        raise DockerfileError("no FROM: the file describes no image")
    return found


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Return (number of the first line, text) with continued lines joined and comments left out."""
    found: list[tuple[int, str]] = []
    start = 0
    parts: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#") or (not line and not parts):
            continue
        start = start or number
        continued = line.endswith("\\")
        parts.append(line.removesuffix("\\").rstrip())
        if not continued:
            found.append((start, " ".join(filter(None, parts)).replace("\t", " ")))
            start, parts = 0, []
    if parts:
        found.append((start, " ".join(parts)))
    return [(number, line) for number, line in found if line]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in for `$name`, `${name}`, `${name:-default}` and `${name:+other}`; unknown ones become empty."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "\\$":
            return "$"
        held = variables.get(match[1] or match[2], "")
        if match[3] == ":-":
            return held or match[4]
        if match[3] == ":+":
            return match[4] if held else ""
        return held

    return _VARIABLE.sub(value, text)


def words(instruction: Instruction) -> list[str] | None:
    """Return the words of the JSON form (`["a", "b"]`), None when the instruction is in shell form."""
    if not instruction.rest.startswith("["):
        return None
    try:
        found = json.loads(instruction.rest)
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(word, str) for word in found) else None


def pairs(instruction: Instruction, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the names and values of ENV and LABEL: `A=1 B="two words"`, or the old form `A one value`."""
    text = expand(instruction.rest, variables)
    first, _, rest = text.partition(" ")
    if "=" not in first:
        return {first: rest.strip()}
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise DockerfileError(f"line {instruction.line}: {error}") from error
    if not all("=" in part for part in parts):
        raise DockerfileError(f"line {instruction.line}: {instruction.name} needs NAME=VALUE pairs")
    return dict(part.split("=", 1) for part in parts)
