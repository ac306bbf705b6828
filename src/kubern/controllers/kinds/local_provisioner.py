"""local-volume-provisioner: makes and deletes the volumes of classes whose provisioner is `kubern.io/local`.

Upstream has none of its own: it runs where it is named, as `kubern up` does. A key with a namespace is a claim's, one without is a
volume's. The decisions are in `volumes/local`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.resources import CLAIMS, NODES, STORAGE_CLASSES, VOLUMES
from kubern.controllers.volumes.local import (
    LocalClaim,
    LocalVolume,
    decide_local_claim,
    decide_local_volume,
    volume_name,
)
from kubern.controllers.volumes.matching import SELECTED_NODE, annotations_of, class_of


def _waiting(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    return [key_of(claim) for claim in cache.list(CLAIMS) if not claim["spec"].get("volumeName")]


def _gone(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A node that is gone has taken its volumes along."""
    if before is None or after is not None:
        return ()
    name = before["metadata"]["name"]
    return [key_of(each) for each in cache.list(VOLUMES) if annotations_of(each).get(SELECTED_NODE) == name]


WATCHES = (Watch(CLAIMS, itself), Watch(VOLUMES, itself), Watch(STORAGE_CLASSES, _waiting), Watch(NODES, _gone))


def observe(key: Key, cache: Cache) -> LocalClaim | LocalVolume | None:
    """Return a claim with what its volume is made from, or a volume with its node."""
    namespace, name = key
    if not namespace:
        volume = cache.get(VOLUMES, "", name)
        return None if volume is None else LocalVolume(volume, _node(volume, cache))
    claim = cache.at(CLAIMS, key)
    if claim is None:
        return None
    held = cache.get(STORAGE_CLASSES, "", class_of(claim))
    volume = cache.get(VOLUMES, "", claim["spec"].get("volumeName") or volume_name(claim))
    return LocalClaim(claim, held, _node(claim, cache), volume, cache.options.local_volume_path)


def _node(obj: Obj, cache: Cache) -> Obj | None:
    name = annotations_of(obj).get(SELECTED_NODE)
    return cache.get(NODES, "", name) if name else None


def decide(observed: LocalClaim | LocalVolume, now: datetime) -> Plan:
    """Decide on a claim or a volume."""
    return decide_local_claim(observed) if isinstance(observed, LocalClaim) else decide_local_volume(observed)


CONTROLLER = Controller(
    "local-volume-provisioner",
    Reconciler(CLAIMS, WATCHES, observe, decide, "kubern.io/local"),
    by_default=False,
    account="local-volume-provisioner",
)
