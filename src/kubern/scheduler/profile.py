"""A profile: one scheduler's name and the plug-ins that decide for the pods which name it."""

from __future__ import annotations

from typing import NamedTuple

from kubern.base.json import Obj
from kubern.scheduler.framework import Plugin

DEFAULT_NAME = "default-scheduler"


class Profile(NamedTuple):
    """`plugins` in the order they run."""

    name: str
    plugins: list[Plugin]

    def gate(self, pod: Obj) -> str:
        """Return why a pod may not be tried yet, empty when it may."""
        reasons = (plugin.pre_enqueue(pod) for plugin in self.plugins if plugin.pre_enqueue)
        return next((reason for reason in reasons if reason), "")
