"""Times the plug-ins of a cycle: the same plug-ins, each asked through a stopwatch.

Used by the scheduler's loop for the cycles that `Meters` samples. What always holds: a timed plug-in answers as it would by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from kubern.scheduler.framework import Plugin
from kubern.scheduler.meters import Meters

_POINTS = {
    "pre_filter": "PreFilter",
    "filter": "Filter",
    "score": "Score",
    "normalize": "ScoreExtensionNormalize",
}


class Stopwatch:
    """The timed plug-ins of one profile."""

    def __init__(self, profile: str, plugins: Sequence[Plugin], meters: Meters, now: Callable[[], float]) -> None:
        self._profile, self._meters, self._now = profile, meters, now
        self._spent: dict[str, float] = {}
        self.plugins = [self._timed(plugin) for plugin in plugins]

    def ended(self) -> None:
        """The cycle is over: count what each extension point took."""
        for point, seconds in self._spent.items():
            self._meters.point(point, "Success", self._profile, seconds)
        self._spent.clear()

    def _timed(self, plugin: Plugin) -> Plugin:
        fields: dict[str, Any] = {
            field: self._watched(plugin.name, point, getattr(plugin, field))
            for field, point in _POINTS.items()
            if getattr(plugin, field) is not None
        }
        return dataclasses.replace(plugin, **fields)

    def _watched(self, name: str, point: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any) -> Any:
            begun = self._now()
            answer = ask(*arguments)
            seconds = self._now() - begun
            refused = point == "PreFilter" and bool(answer)
            self._meters.plugin(name, point, "Unschedulable" if refused else "Success", seconds)
            self._spent[point] = self._spent.get(point, 0.0) + seconds
            return answer

        return asked
