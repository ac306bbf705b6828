"""PersistentVolume expander: says of a claim that wants a larger volume who has to enlarge it.

No volume is enlarged here: CSI drivers bring a controller of their own, and local volumes have one (`volumes/local`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Event, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.resources import CLAIMS, VOLUMES
from kubern.controllers.volumes.local import PROVISIONER
from kubern.controllers.volumes.matching import PROVISIONED_BY, annotations_of, requested, size_of


class Observed(NamedTuple):
    """A bound claim and its volume."""

    claim: Obj
    volume: Obj


def _grown(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    return [key_of(after)] if before is not None and after is not None and requested(after) > requested(before) else ()


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a claim that is bound."""
    claim = cache.at(CLAIMS, key)
    volume = cache.get(VOLUMES, "", ((claim or {}).get("spec") or {}).get("volumeName") or "")
    return Observed(claim, volume) if claim is not None and volume is not None else None


def decide(observed: Observed, now: datetime) -> Plan:
    """Tell the claim's user whom to wait for."""
    claim, volume = observed
    ours = annotations_of(volume).get(PROVISIONED_BY) == PROVISIONER
    if ours or requested(claim) <= size_of({"spec": claim.get("status") or {}}):
        return Plan()
    message = "waiting for an external controller to expand this PVC"
    return Plan((Event(claim, "Normal", "ExternalExpanding", message),))


CONTROLLER = Controller(
    "persistentvolume-expander-controller",
    Reconciler(CLAIMS, (Watch(CLAIMS, _grown),), observe, decide, "volume_expand"),
    account="expand-controller",
)
