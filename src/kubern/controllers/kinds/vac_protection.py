"""VolumeAttributesClass protection: a class that is to be deleted goes when no volume has it and no claim asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from kubern.api.protection import ATTRIBUTES_CLASS
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.protection import protect, undecided
from kubern.controllers.resources import ATTRIBUTES_CLASSES, CLAIMS, VOLUMES


class Observed(NamedTuple):
    """A class, and whether anything names it."""

    attributes_class: Obj
    used: bool


def names_of(obj: Obj) -> tuple[str, ...]:
    """Return the classes that a claim or volume has, asks for, or is on its way to."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    modifying = (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName")
    found = (spec.get("volumeAttributesClassName"), status.get("currentVolumeAttributesClassName"), modifying)
    return tuple(dict.fromkeys(name for name in found if name))


def _named(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A class that a claim or volume has let go of may have been used by nothing else."""
    lost = names_of(before) if before is not None else ()
    kept = names_of(after) if after is not None else ()
    return [("", name) for name in lost if name not in kept]


WATCHES = (Watch(ATTRIBUTES_CLASSES, itself), Watch(CLAIMS, _named), Watch(VOLUMES, _named))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a class whose finalizer is to come or to go."""
    found = cache.at(ATTRIBUTES_CLASSES, key)
    if found is None or not undecided(found, ATTRIBUTES_CLASS):
        return None
    used = any(cache.indexed(gvr, "attributes class", names_of, key[1]) for gvr in (CLAIMS, VOLUMES))
    return Observed(found, used)


def decide(observed: Observed, now: datetime) -> Plan:
    """Protect the class, or let it go."""
    return protect(ATTRIBUTES_CLASSES, observed.attributes_class, ATTRIBUTES_CLASS, observed.used)


CONTROLLER = Controller(
    "volumeattributesclass-protection-controller",
    Reconciler(ATTRIBUTES_CLASSES, WATCHES, observe, decide, "volumeattributesclass-protection-controller", workers=1),
    account="volumeattributesclass-protection-controller",
)
