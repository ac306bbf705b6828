"""NodeName: a pod that names its node runs there or nowhere."""

from __future__ import annotations

from kubern.scheduler.framework import Cycle, Plugin, Refusal, never


def _filter(cycle: Cycle) -> list[Refusal]:
    wanted = cycle.pod["spec"].get("nodeName")
    if not wanted:
        return []
    columns = cycle.columns
    others = columns.present.copy()
    if wanted in columns.rows:
        others[columns.rows[wanted]] = False
    return [Refusal(others, "node(s) didn't match the requested node name", lasting=True)]


PLUGIN = Plugin(
    "NodeName",
    filter=_filter,
    refuses=never,
    events=frozenset({"Node/Add"}),
    hint=lambda info, event: event.after is None or event.after["metadata"]["name"] == info.pod["spec"].get("nodeName"),
)
