"""Which ResourceClaims a pod uses, by its spec and status. Pure; shared by the scheduler and the claim controller.

Source: the Kubernetes documentation, "Dynamic Resource Allocation", ResourceClaims and ResourceClaimTemplates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kubern.base.json import Obj

FINALIZER = "resource.kubernetes.io/delete-protection"
"""Keeps a claim while devices are allocated to it."""
POD_CLAIM_NAME = "resource.kubernetes.io/pod-claim-name"
"""Annotation of a generated claim: the entry of the pod's spec.resourceClaims that it is for."""
FINISHED = ("Succeeded", "Failed")
MOST_USERS = 256
"""How many pods may share a claim."""


class PodClaim(NamedTuple):
    """One entry of a pod's spec.resourceClaims. `claim`: the ResourceClaim's name, empty while it is not known.

    `generated`: made from a template for this pod alone. `needless`: the template asked for nothing, there is no claim.
    """

    name: str
    claim: str = ""
    generated: bool = False
    needless: bool = False


def pod_claims(pod: Obj) -> Iterator[PodClaim]:
    """Yield a pod's claims in the order of its spec."""
    made = {each["name"]: each for each in (pod.get("status") or {}).get("resourceClaimStatuses") or ()}
    for entry in pod["spec"].get("resourceClaims") or ():
        name = entry["name"]
        if entry.get("resourceClaimName"):
            yield PodClaim(name, entry["resourceClaimName"])
        elif entry.get("resourceClaimTemplateName"):
            claim = made[name].get("resourceClaimName") or "" if name in made else ""
            yield PodClaim(name, claim, True, name in made and not claim)


def not_owned(claim: Obj, pod: Obj) -> str:
    """Return why a generated claim is not this pod's, empty when it is."""
    meta, owner = claim["metadata"], pod["metadata"]
    owners = meta.get("ownerReferences") or ()
    if any(each.get("controller") and each["uid"] == owner["uid"] for each in owners):
        return ""
    return (
        f"ResourceClaim {meta.get('namespace', '')}/{meta['name']} was not created for pod "
        f"{owner.get('namespace', '')}/{owner['name']} (pod is not owner)"
    )


def consumers(claim: Obj) -> list[Obj]:
    """Return who a claim is reserved for."""
    held: list[Obj] = (claim.get("status") or {}).get("reservedFor") or []
    return held


def allocation(claim: Obj) -> Obj | None:
    """Return what is allocated to a claim, None when nothing is."""
    held: Obj | None = (claim.get("status") or {}).get("allocation")
    return held


def reserved_for(claim: Obj, pod: Obj) -> bool:
    """Say whether a claim is reserved for a pod."""
    return any(each.get("uid") == pod["metadata"]["uid"] for each in consumers(claim))


def consumer(pod: Obj) -> Obj:
    """Return a pod's entry for `reservedFor`."""
    return {"resource": "pods", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}


def is_done(pod: Obj) -> bool:
    """Say whether a pod will never use its claims any more: it has ended, or is being deleted and never got a node."""
    if (pod.get("status") or {}).get("phase") in FINISHED:
        return True
    return bool(pod["metadata"].get("deletionTimestamp")) and not pod["spec"].get("nodeName")
