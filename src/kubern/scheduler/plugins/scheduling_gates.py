"""SchedulingGates: a pod with a gate left is not tried (KEP-3521)."""

from __future__ import annotations

from kubern.base.json import Obj
from kubern.scheduler.framework import Plugin


def _pre_enqueue(pod: Obj) -> str:
    gates = [gate["name"] for gate in pod["spec"].get("schedulingGates") or ()]
    return f"waiting for scheduling gates: [{' '.join(gates)}]" if gates else ""


PLUGIN = Plugin("SchedulingGates", pre_enqueue=_pre_enqueue)
