"""What becomes of one claim: pending, bound, provisioned by somebody, or lost. Pure; asked by the PersistentVolume binder.

Source: the documentation "Persistent Volumes" and "Storage Classes"; Events in upstream's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.actions import Action, Event, Plan, Update
from kubern.controllers.resources import CLAIMS
from kubern.controllers.volumes.binding import bind, phase
from kubern.controllers.volumes.matching import (
    BIND_COMPLETED,
    CLASS_ANNOTATION,
    PROVISIONERS,
    SELECTED_NODE,
    annotations_of,
    class_of,
    default_class,
    find,
    mismatch,
    names,
)

RESYNC = 15.0
"""Seconds after which a claim that waits is looked at again."""
NO_PROVISIONER = "kubernetes.io/no-provisioner"


class Claim(NamedTuple):
    """A claim, all volumes by name, all classes by name."""

    claim: Obj
    volumes: Mapping[str, Obj]
    classes: Mapping[str, Obj]


def decide_claim(seen: Claim) -> Plan:
    """Decide on one claim."""
    if BIND_COMPLETED in annotations_of(seen.claim):
        return Plan(tuple(_bound(seen.claim, seen.volumes)))
    if seen.claim["metadata"].get("deletionTimestamp"):
        return Plan()
    if seen.claim["spec"].get("volumeName"):
        return _named(seen.claim, seen.volumes.get(seen.claim["spec"]["volumeName"]))
    return _unbound(seen)


def _bound(claim: Obj, volumes: Mapping[str, Obj]) -> Sequence[Action]:
    name = claim["spec"].get("volumeName")
    if not name:
        return _lost(
            claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
        )
    volume = volumes.get(name)
    if volume is None:
        return _lost(claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
    if volume["spec"].get("claimRef") and not names(volume, claim):
        message = "Two claims are bound to the same volume, this one is bound incorrectly"
        return _lost(claim, "ClaimMisbound", message)
    return bind(claim, volume)


def _lost(claim: Obj, reason: str, message: str) -> Sequence[Action]:
    writes = phase(False, claim, "Lost")
    return [*writes, Event(claim, "Warning", reason, message)] if writes else []


def _named(claim: Obj, volume: Obj | None) -> Plan:
    """A claim that asks for one volume by name."""
    if volume is None:
        return _wait(claim)
    if volume["spec"].get("claimRef") and not names(volume, claim):
        message = f'volume "{volume["metadata"]["name"]}" already bound to a different claim.'
        return _wait(claim, Event(claim, "Warning", "FailedBinding", message))
    problem = mismatch(volume, claim)
    if problem:
        message = f'Cannot bind to requested volume "{volume["metadata"]["name"]}": {problem}'
        return _wait(claim, Event(claim, "Warning", "VolumeMismatch", message))
    return Plan(tuple(bind(claim, volume)))


def _unbound(seen: Claim) -> Plan:
    claim = seen.claim
    held = seen.classes.get(class_of(claim))
    consumer = held is not None and held.get("volumeBindingMode") == "WaitForFirstConsumer"
    delayed = consumer and SELECTED_NODE not in annotations_of(claim)
    volume = find(claim, seen.volumes.values(), delayed)
    if volume is not None:
        return Plan(tuple(bind(claim, volume)))
    default = default_class(seen.classes.values())
    if default and claim["spec"].get("storageClassName") is None and CLASS_ANNOTATION not in annotations_of(claim):
        return Plan((Update(CLAIMS, {**claim, "spec": {**claim["spec"], "storageClassName": default}}),))
    if delayed:
        message = "waiting for first consumer to be created before binding"
        return _wait(claim, Event(claim, "Normal", "WaitForFirstConsumer", message))
    if class_of(claim):
        return _provisioned(claim, held)
    message = "no persistent volumes available for this claim and no storage class is set"
    return _wait(claim, Event(claim, "Normal", "FailedBinding", message))


def _provisioned(claim: Obj, held: Obj | None) -> Plan:
    """Ask the class's provisioner, by an annotation."""
    if held is None:
        message = f'storageclass.storage.k8s.io "{class_of(claim)}" not found'
        return _wait(claim, Event(claim, "Warning", "ProvisioningFailed", message))
    provisioner = held["provisioner"]
    if provisioner.startswith("kubernetes.io/") and provisioner != NO_PROVISIONER:
        message = "no volume plugin matched"
        return _wait(claim, Event(claim, "Warning", "ProvisioningFailed", message))
    wanted = dict.fromkeys(PROVISIONERS, provisioner)
    asked = wanted.items() <= annotations_of(claim).items()
    noted = {**claim, "metadata": {**claim["metadata"], "annotations": {**annotations_of(claim), **wanted}}}
    message = (
        f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system "
        "administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
    )
    event = Event(claim, "Normal", "ExternalProvisioning", message)
    return _wait(noted, *(() if asked else (Update(CLAIMS, noted),)), event)


def _wait(claim: Obj, *actions: Action) -> Plan:
    return Plan((*actions, *phase(False, claim, "Pending")), requeue_after=RESYNC)
