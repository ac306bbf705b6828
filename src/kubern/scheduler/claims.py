"""What a pod's volumes ask of the cluster: its claims, the volumes and the classes behind them. Read by the four volume plug-ins.

Source: the Kubernetes documentation, "Persistent Volumes" and "Storage Classes" (volume binding mode).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.scheduler.listers import CLAIMS, CLASSES, VOLUMES, Listers

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
NO_PROVISIONER = "kubernetes.io/no-provisioner"


class ClaimName(NamedTuple):
    """A claim that a pod names, directly or as an ephemeral volume (`owner` is the pod's uid then)."""

    name: str
    owner: str = ""


def claim_names(pod: Obj) -> Iterator[ClaimName]:
    """Yield the claims that a pod's volumes are made of."""
    meta = pod["metadata"]
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield ClaimName(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            yield ClaimName(f"{meta['name']}-{volume['name']}", meta["uid"])


_LOCAL = frozenset({"name", "projected", "secret", "configMap", "downwardAPI", "emptyDir", "hostPath", "image"})


def has_storage(pod: Obj) -> bool:
    """Whether a pod has a volume that is not simply made on its node: a claim, a disk, a CSI volume."""
    return any(key not in _LOCAL for volume in pod["spec"].get("volumes") or () for key in volume)


class PodClaims(NamedTuple):
    """A pod's claims by what has to be done for them. `problem`: why the pod can run nowhere."""

    bound: tuple[Obj, ...] = ()
    delayed: tuple[Obj, ...] = ()
    """To be bound or provisioned where the pod goes."""
    problem: str = ""


NONE = PodClaims()


def pod_claims(pod: Obj, listers: Listers) -> PodClaims:
    """Return a pod's claims."""
    bound, delayed, immediate = [], [], False
    namespace = pod["metadata"].get("namespace") or ""
    for wanted in claim_names(pod):
        claim = listers.get(CLAIMS, namespace, wanted.name)
        problem = _problem(wanted, claim, f"{namespace}/{pod['metadata']['name']}")
        if problem or claim is None:
            return PodClaims(problem=problem)
        if is_bound(claim):
            bound.append(claim)
        elif waits_for_consumer(claim, listers) and not claim["spec"].get("volumeName"):
            delayed.append(claim)
        else:
            immediate = True
    if immediate:
        return PodClaims(problem="pod has unbound immediate PersistentVolumeClaims")
    return PodClaims(tuple(bound), tuple(delayed))


def _problem(wanted: ClaimName, claim: Obj | None, pod: str) -> str:
    if claim is None:
        if wanted.owner:
            return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{wanted.name}"'
        return f'persistentvolumeclaim "{wanted.name}" not found'
    meta = claim["metadata"]
    if (claim.get("status") or {}).get("phase") == "Lost":
        volume = claim["spec"].get("volumeName", "")
        return f'persistentvolumeclaim "{wanted.name}" bound to non-existent persistentvolume "{volume}"'
    if "deletionTimestamp" in meta:
        return f'persistentvolumeclaim "{wanted.name}" is being deleted'
    owners = meta.get("ownerReferences") or ()
    if wanted.owner and not any(each["uid"] == wanted.owner and each.get("controller") for each in owners):
        return f"PVC {meta['namespace']}/{wanted.name} was not created for pod {pod} (pod is not owner)"
    return ""


def is_bound(claim: Obj) -> bool:
    """Whether a claim has its volume, and both know it."""
    return bool(claim["spec"].get("volumeName")) and BOUND_BY_CONTROLLER in (claim["metadata"].get("annotations") or {})


def storage_class(obj: Obj) -> str:
    """Return the class that a claim or a volume names, empty without one."""
    old = (obj["metadata"].get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class")
    return old or obj["spec"].get("storageClassName") or ""


def waits_for_consumer(claim: Obj, listers: Listers) -> bool:
    """Whether a claim's volume is only made or chosen once a pod that uses it has a node."""
    held = listers.get(CLASSES, "", storage_class(claim))
    return held is not None and held.get("volumeBindingMode") == "WaitForFirstConsumer"


def bound_volumes(claims: Iterable[Obj], listers: Listers) -> list[Obj | None]:
    """Return the volumes of bound claims, None for one that does not exist."""
    return [listers.get(VOLUMES, "", claim["spec"]["volumeName"]) for claim in claims]
