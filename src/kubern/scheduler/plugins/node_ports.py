"""NodePorts: a host port is one pod's at a time on each node."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kubern.scheduler.framework import Cycle, Event, Plugin, Refusal
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.requests import pod_requests

REASON = "node(s) didn't have free ports for the requested pod ports"
_ANY = ("0.0.0.0", "")


def _filter(cycle: Cycle) -> list[Refusal]:
    wanted = cycle.requests.ports
    if not wanted:
        return []
    columns = cycle.columns
    taken = (bool(used) and clash(wanted, used) for used in columns.ports)
    mask = columns.present & np.fromiter(taken, np.bool_, len(columns.ports))
    return [Refusal(mask, REASON)] if mask.any() else []


def clash(wanted: Iterable[tuple[str, str, int]], used: Iterable[tuple[str, str, int]]) -> bool:
    """Whether a wanted (protocol, ip, port) is in use; the wildcard address clashes with every other."""
    used = tuple(used)
    return any(
        protocol == other_protocol and port == other_port and (ip == other_ip or ip in _ANY or other_ip in _ANY)
        for protocol, ip, port in wanted
        for other_protocol, other_ip, other_port in used
    )


def _refuses(cycle: Cycle, row: int) -> list[str]:
    wanted = cycle.requests.ports
    return [REASON] if wanted and clash(wanted, cycle.columns.ports[row]) else []


def _hint(info: PodInfo, event: Event) -> bool:
    """A pod that went helps when it held one of the ports."""
    return event.before is None or clash(info.requests.ports, pod_requests(event.before).ports)


PLUGIN = Plugin(
    "NodePorts",
    filter=_filter,
    refuses=_refuses,
    by_requests=True,
    events=frozenset({"Node/Add", "Pod/Delete"}),
    hint=_hint,
)
