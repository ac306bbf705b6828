"""What annotations script of a virtual pod's output: log lines and answers to commands. Pure.

A value that cannot be read counts as absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from kubern.base.json import Obj
from kubern.simulation.script import PREFIX, seconds

LOG = PREFIX + "log"
"""Of a pod: the lines that each container writes when it starts."""
LOG_EVERY = PREFIX + "log-every"
"""Seconds between two lines; the lines come again and again then, for as long as the container runs."""
EXEC = PREFIX + "exec"
"""Of a pod, YAML: commands (words joined by one blank, `*` for any other) and what they answer: text, or `stdout`, `stderr`, `exit-code`
and `after` (seconds)."""
ANY = "*"
UNKNOWN = 127
"""What a shell says of a command that there is not."""
MOST_SECONDS = 3600.0


class Log(NamedTuple):
    """A container's output: `every` 0 when all lines come at once, and once."""

    lines: tuple[str, ...]
    every: float


class Answer(NamedTuple):
    """What a command does."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    after: float = 0.0


def log_of(annotations: Obj, uid: str) -> Log:
    """Return what a pod's containers write."""
    return Log(tuple(str(annotations.get(LOG) or "").splitlines()), seconds(annotations.get(LOG_EVERY), uid) or 0.0)


def answer_of(annotations: Obj, command: Sequence[str]) -> Answer:
    """Return what a command in a pod's container answers."""
    said = " ".join(command)
    answers = mapping(annotations.get(EXEC))
    if said in answers:
        return _answer(answers[said])
    if ANY in answers:
        return _answer(answers[ANY])
    return Answer("", f"{command[0] if command else ''}: command not found\n", UNKNOWN)


def mapping(text: str | None) -> dict[str, Any]:
    """Read a YAML map; an empty one for anything else."""
    try:
        read = yaml.safe_load(text or "")
    except yaml.YAMLError:
        return {}
    return {str(key): value for key, value in read.items()} if isinstance(read, dict) else {}


def _answer(value: Any) -> Answer:
    if not isinstance(value, dict):
        return Answer(_text(value))
    code, after = value.get("exit-code", 0), value.get("after", 0)
    return Answer(
        _text(value.get("stdout")), _text(value.get("stderr")),
        code if isinstance(code, int) and 0 <= code < 256 else 0,
        min(float(after), MOST_SECONDS) if isinstance(after, int | float) and after > 0 else 0.0,
    )  # fmt: skip


def _text(value: Any) -> str:
    """Return text as a command prints it: with a line break at its end."""
    text = "" if value is None else str(value)
    return text if not text or text.endswith("\n") else text + "\n"
