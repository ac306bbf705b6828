"""Ephemeral volumes: makes the claim of each volume that a pod brings along, owned by the pod, so that it goes with it.

Source: KEP-1698. The claim's name is the pod's and the volume's with a dash between: a claim of that name which is not the pod's is left
alone, and the pod waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.controllers.actions import Action, Create, Event, Plan, Told
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch
from kubern.controllers.owners import controller_of, reference_to
from kubern.controllers.resources import CLAIMS, PODS


class Observed(NamedTuple):
    """A pod, and the claims that have the names of its ephemeral volumes' claims."""

    pod: Obj
    claims: Mapping[str, Obj]


def _pod(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    return [key_of(after)] if after is not None and any(_volumes(after)) else ()


def _claim(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A claim that is gone, the pod's or one that was in its way, is made anew for a pod that is still there."""
    if before is None or after is not None:
        return ()
    namespace, name = key_of(before)
    return [key_of(pod) for pod in cache.indexed(PODS, "ephemeral claim", _indexed, f"{namespace}/{name}")]


def _indexed(pod: Obj) -> Iterable[str]:
    return [f"{pod['metadata']['namespace']}/{_name(pod, volume)}" for volume in _volumes(pod)]


WATCHES = (Watch(PODS, _pod), Watch(CLAIMS, _claim))


def _volumes(pod: Obj) -> Iterable[Obj]:
    return (each for each in pod["spec"].get("volumes") or () if each.get("ephemeral") is not None)


def _name(pod: Obj, volume: Obj) -> str:
    return f"{pod['metadata']['name']}-{volume['name']}"


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a pod that is to stay, with the claims that its ephemeral volumes have."""
    pod = cache.at(PODS, key)
    if pod is None or pod["metadata"].get("deletionTimestamp"):
        return None
    found = {name: cache.get(CLAIMS, key[0], name) for name in (_name(pod, volume) for volume in _volumes(pod))}
    return Observed(pod, {name: claim for name, claim in found.items() if claim is not None})


def decide(observed: Observed, now: datetime) -> Plan:
    """Make the claims that are missing."""
    return Plan(tuple(action for volume in _volumes(observed.pod) for action in _made(observed, volume)))


def _made(observed: Observed, volume: Obj) -> Iterable[Action]:
    pod, meta, name = observed.pod, observed.pod["metadata"], _name(observed.pod, volume)
    namespace = meta["namespace"]
    claim = observed.claims.get(name)
    if claim is not None:
        owner = controller_of(claim)
        if owner is None or owner["uid"] != meta["uid"]:
            problem = f"PVC {namespace}/{name} was not created for pod {namespace}/{meta['name']} (pod is not owner)"
            yield Event(pod, "Warning", "FailedBinding", f"ephemeral volume {volume['name']}: {problem}")
        return
    template = volume["ephemeral"]["volumeClaimTemplate"]
    kept = {key: value for key, value in (template.get("metadata") or {}).items() if key in ("labels", "annotations")}
    made = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**kept, "name": name, "namespace": namespace, "ownerReferences": [reference_to(pod, "v1", "Pod")]},
        "spec": template["spec"],
    }
    told = Told(
        pod, "", "", "FailedBinding", f"ephemeral volume {volume['name']}: create PVC {namespace}/{name}: {{error}}"
    )
    yield Create(CLAIMS, made, namespace, told=told)


CONTROLLER = Controller(
    "ephemeral-volume-controller",
    Reconciler(PODS, WATCHES, observe, decide, "ephemeral_volume"),
    account="ephemeral-volume-controller",
)
