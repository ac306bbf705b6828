"""What can go wrong with an expression: it does not compile, it fails on its input, or it costs too much.

The words are those that CEL's reference implementation prints, because users see them in `kubectl apply` and tests match them.
"""

from __future__ import annotations

from typing import NamedTuple


class Issue(NamedTuple):
    """One thing wrong with an expression, at an offset (characters) into it."""

    offset: int
    message: str


class CelError(Exception):
    """The expression does not compile: `issues` says where and why, `str()` shows them with the source line underneath."""

    def __init__(self, source: str, issues: list[Issue]) -> None:
        super().__init__("\n".join(_show(source, issue) for issue in sorted(issues)))
        self.issues = issues


class CelEvaluationError(Exception):
    """The expression failed on its input (`no such key: x`, `division by zero`)."""


class CelCostExceeded(Exception):
    """Evaluation was stopped at its cost limit. No operator of the language absorbs this."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")


def _show(source: str, issue: Issue) -> str:
    before = source[: issue.offset]
    line, column = before.count("\n") + 1, issue.offset - (before.rfind("\n") + 1)
    text = source.split("\n")[line - 1].replace("\t", " ")
    pointer = "." * column + "^"
    return f"ERROR: <input>:{line}:{column + 1}: {issue.message}\n | {text}\n | {pointer}"
