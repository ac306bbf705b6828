"""Questions to a Prometheus server: from a metric's name and a selector to PromQL. Pure.

Used by the custom and the external metrics. What always holds: nothing that a user writes gets into a query but as a quoted value or a
checked name. Source: the Prometheus documentation, "Querying".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kubern.base.errors import BadRequest

RATE_SUFFIX, WINDOW = "_per_second", 120.0
"""`x_per_second` is the rate of the counter `x_total` over so many seconds."""
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_TERM = re.compile(
    r"""\s*(?:
        !\s*(?P<absent>[^\s,=!()]+)
      | (?P<key>[^\s,=!()]+)\s*(?:
            (?P<set>\bin\b|\bnotin\b)\s*\((?P<values>[^()]*)\)
          | (?P<operator>==|=|!=)\s*(?P<value>[^\s,=!()]*)
        )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)


class Matcher(NamedTuple):
    """One condition of a query. Operators are `=`, `!=`, `=~`, `!~`."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{quoted}"'


def expression(metric: str, matchers: list[Matcher]) -> str:
    """Return the PromQL for a metric: a series as it is, or a counter's rate. Raises `BadRequest` for a name that none can have."""
    if not is_name(metric):
        raise BadRequest(f"{metric!r} is no metric's name")
    inside = ",".join(map(str, matchers))
    if metric.endswith(RATE_SUFFIX):
        return f"rate({metric.removesuffix(RATE_SUFFIX)}_total{{{inside}}}[{WINDOW:g}s])"
    return f"{metric}{{{inside}}}"


def is_name(metric: str) -> bool:
    """Whether a series may have this name."""
    return _NAME.fullmatch(metric) is not None


def matchers_of(selector: str) -> list[Matcher]:
    """Return a label selector as conditions. Raises `BadRequest` for one that cannot be parsed."""
    found, at = [], 0
    while at < len(selector):
        term = _TERM.match(selector, at)
        if term is None:
            raise BadRequest(f"unable to parse the metric's selector {selector!r}")
        at = term.end()
        found.append(_matcher(term))
    return found


def one_of(label: str, values: list[str]) -> Matcher:
    """Return the condition that a label has one of these values."""
    return Matcher(label, "=~", "|".join(map(re.escape, values)))


def _matcher(term: re.Match[str]) -> Matcher:
    if term["absent"]:
        return Matcher(_label(term["absent"]), "=", "")
    label = _label(term["key"])
    if term["set"]:
        values = [each.strip() for each in term["values"].split(",")]
        return one_of(label, values)._replace(operator="=~" if term["set"] == "in" else "!~")
    if term["operator"]:
        return Matcher(label, "!=" if term["operator"] == "!=" else "=", term["value"])
    return Matcher(label, "!=", "")


def _label(key: str) -> str:
    """Return a label's name as Prometheus spells it: what it has no letters for becomes `_`."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", key)
