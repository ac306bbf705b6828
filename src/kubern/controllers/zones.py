"""How ill each zone of the cluster is, and how fast its nodes may lose their pods. Pure but for what it remembers.

Kept by the node life cycle, told of every node that it looks at. What always holds: when no zone has a ready node the fault is taken
to be the control plane's own, and nothing is evicted; a zone never loses nodes faster than its rate. Source: the documentation "Nodes"
(rate limits on eviction) and upstream's flags.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj

REGION, ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"
OLD_REGION, OLD_ZONE = "failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone"
NORMAL, PARTIAL, FULL = "Normal", "PartialDisruption", "FullDisruption"
_FEW = 2
"""So many nodes may be ill in any zone without the zone being ill."""


class EvictionRates(NamedTuple):
    """The flags: nodes per second in a healthy zone, and in a large one that is partly ill; from how many nodes on a zone is large; from
    which share of ill nodes on it is ill."""

    node_eviction_rate: float = 0.1
    secondary_node_eviction_rate: float = 0.01
    large_cluster_size_threshold: int = 50
    unhealthy_zone_threshold: float = 0.55


def zone_of(node: Obj) -> str:
    """Return the zone of a node, region included; empty where nothing says it."""
    labels = node["metadata"].get("labels") or {}
    region = labels.get(REGION) or labels.get(OLD_REGION) or ""
    zone = labels.get(ZONE) or labels.get(OLD_ZONE) or ""
    return f"{region}:{zone}" if region or zone else ""


def state_of(size: int, ill: int, threshold: float) -> str:
    """Return the state of a zone of `size` nodes of which so many are ill."""
    if ill == size:
        return FULL
    return PARTIAL if ill > _FEW and ill / size >= threshold else NORMAL


class Zones:
    """The nodes that were looked at by zone, and when each zone last lost one."""

    def __init__(self) -> None:
        self.rates = EvictionRates()
        self.all_down = False
        """Whether no zone has a ready node."""
        self.back_since: datetime | None = None
        """When the first node was ready again after none was: from then on every node has its grace period anew."""
        self._nodes: dict[str, tuple[str, bool]] = {}
        self._sizes: dict[str, int] = {}
        self._ill: dict[str, int] = {}
        self._last: dict[str, tuple[datetime, str]] = {}

    def see(self, name: str, zone: str, ready: bool, now: datetime) -> None:
        """Take note of a node's state."""
        if self._nodes.get(name) != (zone, ready):
            self._drop(name)
            self._nodes[name] = zone, ready
            self._sizes[zone] = self._sizes.get(zone, 0) + 1
            self._ill[zone] = self._ill.get(zone, 0) + (not ready)
            self._judge(now)

    def forget(self, name: str, now: datetime) -> None:
        """A node is gone."""
        if name in self._nodes:
            self._drop(name)
            self._judge(now)

    def names(self) -> list[str]:
        """Return the nodes that are known."""
        return list(self._nodes)

    def _drop(self, name: str) -> None:
        if name not in self._nodes:
            return
        zone, ready = self._nodes.pop(name)
        self._sizes[zone] -= 1
        self._ill[zone] -= not ready
        if not self._sizes[zone]:
            del self._sizes[zone], self._ill[zone]

    def _judge(self, now: datetime) -> None:
        before, self.all_down = self.all_down, self._sizes == self._ill
        if before and not self.all_down:
            self.back_since = now

    def state(self, zone: str) -> str:
        """Return a zone's state; one without nodes is normal."""
        size = self._sizes.get(zone, 0)
        return state_of(size, self._ill[zone], self.rates.unhealthy_zone_threshold) if size else NORMAL

    def rate(self, zone: str) -> float:
        """Return how many nodes of a zone may be emptied a second."""
        rates = self.rates
        if self.all_down:
            return 0.0
        if self.state(zone) != PARTIAL:
            return rates.node_eviction_rate
        large = self._sizes[zone] > rates.large_cluster_size_threshold
        return rates.secondary_node_eviction_rate if large else 0.0

    def may_empty(self, name: str, zone: str, now: datetime) -> bool:
        """Whether this node may be emptied now, and take note of it if so. Who was allowed may ask again."""
        rate = self.rate(zone)
        if rate <= 0:
            return False
        last = self._last.get(zone)
        if last is not None and last[1] != name and (now - last[0]).total_seconds() < 1 / rate:
            return False
        if last is None or last[1] != name:
            self._last[zone] = now, name
        return True
