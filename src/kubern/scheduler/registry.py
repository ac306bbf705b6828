"""Which plug-ins there are: ours from `plugins/`, a user's from the entry point group `kubern.scheduler.plugins`."""

from __future__ import annotations

from importlib.metadata import entry_points

from kubern.base.scan import scan
from kubern.scheduler import plugins
from kubern.scheduler.framework import Plugin

ENTRY_POINTS = "kubern.scheduler.plugins"

_FILTER_ORDER = (
    "SchedulingGates", "NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit",
    "VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding", "VolumeZone", "PodTopologySpread", "InterPodAffinity", "DynamicResources",
)  # fmt: skip
"""Upstream's order: a refused node is counted for the first that refuses it."""


def load() -> list[Plugin]:
    """Return all plug-ins in the order they run. Raises `ValueError` for a name that two claim, `TypeError` for what is no plug-in."""
    found = scan(plugins, "PLUGIN", Plugin)
    for entry in entry_points(group=ENTRY_POINTS):
        plugin = entry.load()
        if not isinstance(plugin, Plugin):
            raise TypeError(f"the entry point {entry.name} of {ENTRY_POINTS} is not a Plugin")
        found.append(plugin)
    names = [plugin.name for plugin in found]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"more than one scheduling plug-in is called {', '.join(doubled)}")
    order = {name: index for index, name in enumerate(_FILTER_ORDER)}
    return sorted(found, key=lambda plugin: order.get(plugin.name, len(order)))
