"""PVC protection: a claim that is to be deleted goes when no pod on a node uses it any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.api.protection import CLAIM
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.client.informer import Key
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.owners import controller_of
from kubern.controllers.protection import protect, undecided
from kubern.controllers.resources import CLAIMS, PODS


class Observed(NamedTuple):
    """A claim, and the pods of its namespace that name it, as far as is known."""

    claim: Obj
    pods: Sequence[Obj]


def claims_of(pod: Obj) -> Iterator[tuple[str, bool]]:
    """Yield the names of the claims that a pod names, and whether the claim is the pod's own (an ephemeral volume's)."""
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            yield str(volume["persistentVolumeClaim"]["claimName"]), False
        elif volume.get("ephemeral") is not None:
            yield f"{pod['metadata']['name']}-{volume['name']}", True


def _of_pod(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A pod that has gone or ended, or is on no node, may have been the last to use its claims."""
    gone = [before] if before is not None and (after is None or _uid(before) != _uid(after)) else []
    ended = after is not None and (after.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    if after is not None and (ended or not after["spec"].get("nodeName") or _shut_down(after)):
        gone.append(after)
    return [(pod["metadata"]["namespace"], name) for pod in gone for name, _ in claims_of(pod)]


def _uid(obj: Obj) -> str:
    return str(obj["metadata"].get("uid"))


WATCHES = (Watch(CLAIMS, itself), Watch(PODS, _of_pod))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a claim whose finalizer is to come or to go."""
    claim = cache.at(CLAIMS, key)
    if claim is None or not undecided(claim, CLAIM):
        return None
    return Observed(claim, cache.indexed(PODS, "claim", _indexed, f"{key[0]}/{key[1]}"))


def _indexed(pod: Obj) -> Iterable[str]:
    return tuple(f"{pod['metadata']['namespace']}/{name}" for name, _ in claims_of(pod))


async def gather(observed: Observed, client: Client) -> Observed:
    """Ask for the pods before a claim is given up: one that uses it may not have arrived here yet."""
    claim = observed.claim
    if not claim["metadata"].get("deletionTimestamp") or any(uses(pod, claim) for pod in observed.pods):
        return observed
    return observed._replace(pods=(await client.list(PODS, claim["metadata"]["namespace"])).items)


def uses(pod: Obj, claim: Obj) -> bool:
    """Whether a pod that is on a node uses a claim. One of its own does not count once the kubelet is done with the pod."""
    if not pod["spec"].get("nodeName"):
        return False
    own_counts = not _shut_down(pod) and _owns(pod, claim)
    return any(name == claim["metadata"]["name"] and (own_counts or not own) for name, own in claims_of(pod))


def _owns(pod: Obj, claim: Obj) -> bool:
    owner = controller_of(claim)
    return owner is not None and owner["uid"] == pod["metadata"]["uid"]


def _shut_down(pod: Obj) -> bool:
    meta = pod["metadata"]
    return bool(meta.get("deletionTimestamp")) and meta.get("deletionGracePeriodSeconds") == 0


def decide(observed: Observed, now: datetime) -> Plan:
    """Protect the claim, or let it go."""
    claim = observed.claim
    return protect(CLAIMS, claim, CLAIM, any(uses(pod, claim) for pod in observed.pods))


CONTROLLER = Controller(
    "persistentvolumeclaim-protection-controller",
    Reconciler(CLAIMS, WATCHES, observe, decide, "pvc-protection-controller", gather=gather),
    account="pvc-protection-controller",
)
