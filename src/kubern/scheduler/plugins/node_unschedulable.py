"""NodeUnschedulable: a cordoned node takes only pods that tolerate it."""

from __future__ import annotations

from kubern.scheduler.framework import Cycle, Plugin, Refusal, never
from kubern.scheduler.tolerations import tolerates

_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def _filter(cycle: Cycle) -> list[Refusal]:
    if any(tolerates(toleration, _TAINT) for toleration in cycle.pod["spec"].get("tolerations") or ()):
        return []
    columns = cycle.columns
    cordoned = columns.memo(
        "NodeUnschedulable", lambda: columns.mask(lambda node: bool((node.get("spec") or {}).get("unschedulable")))
    )
    return [Refusal(cordoned, "node(s) were unschedulable", lasting=True)]


PLUGIN = Plugin(
    "NodeUnschedulable",
    filter=_filter,
    refuses=never,
    events=frozenset({"Node/Add", "Node/Taint"}),
    hint=lambda info, event: not ((event.after or {}).get("spec") or {}).get("unschedulable"),
)
