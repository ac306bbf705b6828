"""Arguments that are written out and could never be right: a duration, timestamp or pattern that does not parse.

Asked by the checker for each call, so that such an expression is refused when it is written instead of failing when it is needed.
"""

from __future__ import annotations

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.instants import parse_duration, parse_timestamp
from kubern.api.cel.syntax import Call, Literal


def literal_problem(node: Call) -> str:
    """Return what is wrong with a call's last argument as it is written; empty: nothing."""
    last = node.args[-1] if node.args else None
    if not isinstance(last, Literal) or not isinstance(last.value, str):
        return ""
    try:
        if node.function == "duration":
            parse_duration(last.value)
        elif node.function == "timestamp":
            parse_timestamp(last.value)
        elif node.function == "matches":
            from kubern.api.cel.functions.regex import check_pattern

            return "invalid matches argument" if check_pattern(last.value) else ""
    except CelEvaluationError:
        return f"invalid {node.function} argument"
    return ""
