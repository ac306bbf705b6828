"""What a program tells of itself: its parts add metrics, health checks and their configuration here, its port shows them.

Made by whoever puts a program together, and handed to its parts. What always holds: adding is all that a part does; nothing is
computed before somebody asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator

from kubern.base.json import Obj
from kubern.base.metrics import Family

Check = Callable[[], "Awaitable[str] | str"]
"""Returns what is wrong, or an empty text."""

Source = Callable[[], Iterable[Family]]
"""Returns metrics as they are now."""


class Introspection:
    """One program's parts, as they are asked about themselves."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.pages: dict[str, Source] = {}
        """Metrics that are shown by themselves, by their paths."""
        self.checks: dict[str, Check] = {}
        """Whether the program works at all: `/healthz`, and a part of readiness."""
        self.ready: dict[str, Check] = {}
        """What it waits for before it is ready."""
        self.configuration: dict[str, Callable[[], Obj]] = {}
        """What it runs with, by the name that `/configz` shows it under."""

    def families(self) -> Iterator[Family]:
        """Yield all metrics. Series of one metric from several sources come as one."""
        merged: dict[str, Family] = {}
        for source in self.sources:
            for family in source():
                held = merged.get(family.name)
                merged[family.name] = (
                    family if held is None else family._replace(series={**held.series, **family.series})
                )
        yield from merged.values()
