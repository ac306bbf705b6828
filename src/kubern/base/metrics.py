"""Counters and histograms as plain numbers, and their text in Prometheus' exposition format.

A component counts in its own dicts and `Histogram`s and shows them as `Family`s when somebody scrapes. What always holds: counting costs
no more than a dict's lookup and a bisection; all text is made when scraped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"


class Histogram:
    """Observations counted by size. `bounds` are the buckets' upper bounds, ascending, without the infinite one."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_many(self, value: float, times: int) -> None:
        """Count the same observation several times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times


class Family(NamedTuple):
    """One metric: its series by label values, in the order of `labels`."""

    name: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    help: str
    labels: Sequence[str]
    series: Mapping[tuple[str, ...], float | Histogram]


def single(name: str, kind: str, help_text: str, value: float) -> Family:
    """Return a metric without labels."""
    return Family(name, kind, help_text, (), {(): value})


def expose(families: Iterable[Family]) -> str:
    """Return the text of metrics; those without any series are left out."""
    lines: list[str] = []
    for family in families:
        if not family.series:
            continue
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        for values, value in family.series.items():
            labels = ",".join(f'{k}="{_quoted(v)}"' for k, v in zip(family.labels, values, strict=True))
            if isinstance(value, Histogram):
                lines.extend(_histogram(family.name, labels, value))
            else:
                lines.append(
                    f"{family.name}{{{labels}}} {_number(value)}" if labels else f"{family.name} {_number(value)}"
                )
    return "\n".join([*lines, ""])


def _histogram(name: str, labels: str, histogram: Histogram) -> Iterator[str]:
    before, within = f"{labels}," if labels else "", f"{{{labels}}}" if labels else ""
    count = 0
    for bound, found in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        count += found
        yield f'{name}_bucket{{{before}le="{_number(bound)}"}} {count}'
    yield f"{name}_sum{within} {_number(histogram.total)}"
    yield f"{name}_count{within} {count}"


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def process_families(started: float) -> Iterator[Family]:
    """Yield what this process uses, read from /proc; `started` is its start in seconds since 1970. Nothing where there is no /proc."""
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return
    import os
    import resource

    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    cpu = (int(fields[11]) + int(fields[12])) / ticks
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    yield single("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", cpu)
    yield single("process_max_fds", "gauge", "Maximum number of open file descriptors.", most)
    yield single("process_open_fds", "gauge", "Number of open file descriptors.", len(os.listdir("/proc/self/fd")))
    memory = int(fields[21]) * page
    yield single("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", memory)
    yield single(
        "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", started
    )
    yield single("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", int(fields[20]))
