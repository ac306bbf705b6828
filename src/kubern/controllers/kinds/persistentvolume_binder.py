"""PersistentVolume binder: brings claims and volumes together, and reclaims volumes whose claims are gone.

A key with a namespace is a claim's, one without is a volume's. The decisions are in `volumes/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.resources import CLAIMS, STORAGE_CLASSES, VOLUMES
from kubern.controllers.volumes.claim import Claim, decide_claim
from kubern.controllers.volumes.matching import BIND_COMPLETED, annotations_of
from kubern.controllers.volumes.volume import Volume, decide_volume


def _claim(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    keys = {key_of(obj) for obj in (before, after) if obj is not None}
    named = {obj["spec"].get("volumeName") for obj in (before, after) if obj is not None}
    keys.update(("", name) for name in named if name)
    for volume in cache.list(VOLUMES) if after is None else ():
        ref = volume["spec"].get("claimRef") or {}
        if (ref.get("namespace"), ref.get("name")) in keys:
            keys.add(key_of(volume))
    return keys


def _volume(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    keys: set[Key] = set()
    for obj in (before, after):
        if obj is not None:
            keys.add(key_of(obj))
            ref = obj["spec"].get("claimRef")
            keys.update([(ref["namespace"], ref["name"])] if ref and ref.get("namespace") and ref.get("name") else ())
    if after is not None and not after["spec"].get("claimRef"):
        keys.update(_waiting(None, None, cache))
    return keys


def _waiting(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    return [key_of(claim) for claim in cache.list(CLAIMS) if BIND_COMPLETED not in annotations_of(claim)]


WATCHES = (Watch(CLAIMS, _claim), Watch(VOLUMES, _volume), Watch(STORAGE_CLASSES, _waiting))


def observe(key: Key, cache: Cache) -> Claim | Volume | None:
    """Return a claim with all volumes and classes, or a volume with its claim."""
    namespace, name = key
    if namespace:
        claim = cache.at(CLAIMS, key)
        if claim is None:
            return None
        volumes = {each["metadata"]["name"]: each for each in cache.list(VOLUMES)}
        return Claim(claim, volumes, {each["metadata"]["name"]: each for each in cache.list(STORAGE_CLASSES)})
    volume = cache.get(VOLUMES, "", name)
    if volume is None:
        return None
    ref = volume["spec"].get("claimRef") or {}
    return Volume(volume, cache.get(CLAIMS, ref["namespace"], ref["name"]) if ref.get("name") else None)


def decide(observed: Claim | Volume, now: datetime) -> Plan:
    """Decide on a claim or a volume."""
    return decide_claim(observed) if isinstance(observed, Claim) else decide_volume(observed)


CONTROLLER = Controller(
    "persistentvolume-binder-controller",
    Reconciler(CLAIMS, WATCHES, observe, decide, "persistentvolume-controller"),
    account="persistent-volume-binder",
)
