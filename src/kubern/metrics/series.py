"""What pods say of themselves at their own `/metrics`, as metrics by name: gauges as they are, counters as rates. Pure.

A counter `http_requests_total` becomes `http_requests_per_second`; series of one name are added up, after a selector has chosen among them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from kubern.base.errors import BadRequest
from kubern.base.quantity import from_milli
from kubern.metrics.text import samples

SERIES_LIMIT = 5000
"""Series that are kept of one pod."""
_MOST = 2.0**63 / 1000
"""What a quantity can hold in thousandths."""
_TYPE = re.compile(r"^#\s*TYPE\s+(\S+)\s+(\S+)", re.MULTILINE)
_TERM = re.compile(r"\s*([^\s=!,()]+)\s*(==|=|!=)\s*([^\s=!,()]*)\s*")

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by the metric's name and its labels."""


class Look(NamedTuple):
    """One look at a pod: when, its gauges and its counters."""

    time: float
    gauges: Series
    counters: Series


def milli(value: float) -> str:
    """Return a metric's value as a quantity, rounded up to a thousandth."""
    return str(from_milli(math.ceil(round(value * 1000, 6))))


class Value(NamedTuple):
    """A metric of a pod at `time`; `window` is 0 for a gauge."""

    value: float
    time: float
    window: float


def read(text: str, time: float) -> Look:
    """Return what a pod's `/metrics` holds; buckets and quantiles are left out."""
    kinds = {match[1]: match[2] for match in _TYPE.finditer(text)}
    gauges: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    counters: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for sample in samples(text):
        if len(gauges) + len(counters) >= SERIES_LIMIT:
            break
        if not abs(sample.value) < _MOST:
            continue
        base = re.sub(r"_(total|sum|count|bucket)$", "", sample.name)
        kind = kinds.get(sample.name) or kinds.get(base) or "untyped"
        if kind in ("histogram", "summary") and not sample.name.endswith(("_sum", "_count")):
            continue
        key = (sample.name, frozenset(sample.labels.items()))
        (counters if kind in ("counter", "histogram", "summary") else gauges)[key] = sample.value
    return Look(time, gauges, counters)


def rate_name(counter: str) -> str:
    """Return the name of a counter's rate."""
    return f"{counter.removesuffix('_total')}_per_second"


def values(before: Look | None, last: Look, selector: str = "") -> dict[str, Value]:
    """Return a pod's metrics by name. Raises `BadRequest` for a selector that is none."""
    chosen = _selector(selector)
    found: dict[str, Value] = {}
    for (name, labels), value in last.gauges.items():
        if chosen(labels):
            _add(found, name, Value(value, last.time, 0.0))
    if before is None or last.time <= before.time:
        return found
    window = last.time - before.time
    for key, value in last.counters.items():
        held = before.counters.get(key)
        if held is not None and value >= held and chosen(key[1]):
            _add(found, rate_name(key[0]), Value((value - held) / window, last.time, window))
    return found


def _add(found: dict[str, Value], name: str, value: Value) -> None:
    held = found.get(name)
    found[name] = value if held is None else held._replace(value=held.value + value.value)


class _Chosen:
    def __init__(self, terms: list[tuple[str, bool, str]]) -> None:
        self._terms = terms

    def __call__(self, labels: frozenset[tuple[str, str]]) -> bool:
        return all(((key, value) in labels) == equal for key, equal, value in self._terms)


def _selector(text: str) -> _Chosen:
    terms = []
    for part in filter(None, text.split(",")):
        match = _TERM.fullmatch(part)
        if match is None:
            raise BadRequest(f"unable to parse the metric's selector {text!r}: only equality is known")
        terms.append((match[1], match[2] != "!=", match[3]))
    return _Chosen(terms)
