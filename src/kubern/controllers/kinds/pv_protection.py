"""PV protection: a volume that is to be deleted goes when it is bound to no claim."""

from __future__ import annotations

from datetime import datetime

from kubern.api.protection import VOLUME
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.protection import protect, undecided
from kubern.controllers.resources import VOLUMES

WATCHES = (Watch(VOLUMES, itself),)


def observe(key: Key, cache: Cache) -> Obj | None:
    """Return a volume whose finalizer is to come or to go."""
    volume = cache.at(VOLUMES, key)
    return volume if volume is not None and undecided(volume, VOLUME) else None


def decide(volume: Obj, now: datetime) -> Plan:
    """Protect the volume, or let it go."""
    return protect(VOLUMES, volume, VOLUME, (volume.get("status") or {}).get("phase") == "Bound")


CONTROLLER = Controller(
    "persistentvolume-protection-controller",
    Reconciler(VOLUMES, WATCHES, observe, decide, "pv-protection-controller", workers=1),
    account="pv-protection-controller",
)
