"""The claims of one pod: made from their templates, written into its status, reserved when the pod came to its node by itself. Pure.

A claim's name is the server's choice, so this takes two looks: one that makes the claims, one that finds them by owner and annotation and
writes their names down. That a claim was made but not yet written down is found the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.api.pod_claims import (
    MOST_USERS,
    POD_CLAIM_NAME,
    PodClaim,
    allocation,
    consumer,
    consumers,
    is_done,
    not_owned,
    pod_claims,
    reserved_for,
)
from kubern.base.json import Obj
from kubern.controllers.actions import STRATEGIC, Action, Create, Event, Patch, Plan, Told, Update
from kubern.controllers.owners import reference_to
from kubern.controllers.resources import PODS, RESOURCE_CLAIMS

FAILED = "FailedResourceClaimCreation"
LONGEST_BASE = 57
"""Of a generated name, so that a dash and five characters fit a label."""


class PodSeen(NamedTuple):
    """A pod, the claims that it names or controls, and the templates that it names (by name)."""

    pod: Obj
    claims: Sequence[Obj]
    templates: Mapping[str, Obj]


def decide_pod(seen: PodSeen, now: datetime) -> Plan:
    """Make what is missing; write down what is there; reserve what the scheduler was not asked about."""
    pod = seen.pod
    if pod["metadata"].get("deletionTimestamp") or is_done(pod):
        return Plan()
    actions: list[Action] = []
    found: dict[str, str] = {}
    for claim in pod_claims(pod):
        if not claim.generated or claim.needless:
            continue
        held = _named(seen, claim)
        if held is not None:
            problem = not_owned(held, pod)
            actions += [_failed(pod, claim.name, problem)] if problem else []
            continue
        made = _made(seen, claim)
        if made is not None:
            found[claim.name] = made["metadata"]["name"]
        else:
            actions.append(_create(seen, claim))
    if found:
        actions.append(_write_down(pod, found))
    return Plan((*actions, *_reserve(seen)))


def _named(seen: PodSeen, claim: PodClaim) -> Obj | None:
    return next((each for each in seen.claims if each["metadata"]["name"] == claim.claim), None)


def _made(seen: PodSeen, claim: PodClaim) -> Obj | None:
    """Return the claim that was made for an entry of the pod, though its status does not say so."""
    for each in seen.claims:
        meta = each["metadata"]
        wanted = (meta.get("annotations") or {}).get(POD_CLAIM_NAME) == claim.name
        if wanted and not meta.get("deletionTimestamp") and not not_owned(each, seen.pod):
            return each
    return None


def _create(seen: PodSeen, claim: PodClaim) -> Action:
    pod, meta = seen.pod, seen.pod["metadata"]
    entry = next(each for each in pod["spec"]["resourceClaims"] if each["name"] == claim.name)
    name = entry["resourceClaimTemplateName"]
    template = seen.templates.get(name)
    if template is None:
        missing = f'resource claim template "{name}": resourceclaimtemplate.resource.k8s.io "{name}" not found'
        return _failed(pod, claim.name, missing)
    wanted = template["spec"].get("metadata") or {}
    made: Obj = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {
            "generateName": generate_name(meta["name"], claim.name),
            "namespace": meta["namespace"],
            "annotations": {**(wanted.get("annotations") or {}), POD_CLAIM_NAME: claim.name},
            "ownerReferences": [reference_to(pod, "v1", "Pod")],
        },
        "spec": template["spec"]["spec"],
    }
    if wanted.get("labels"):
        made["metadata"]["labels"] = wanted["labels"]
    told = Told(pod, "", "", FAILED, _text(claim.name, "{error}"))
    return Create(RESOURCE_CLAIMS, made, meta["namespace"], told)


def generate_name(pod: str, claim: str) -> str:
    """Return the start of a claim's name: `POD-CLAIM-`, both cut in proportion when they are too long together."""
    base = f"{pod}-{claim}"
    if len(base) > LONGEST_BASE:
        size = len(base)
        base = f"{pod[: len(pod) * LONGEST_BASE // size]}-{claim[: len(claim) * LONGEST_BASE // size]}"
    return f"{base}-"


def _text(name: str, problem: str) -> str:
    return f"PodResourceClaim {name}: {problem}"


def _failed(pod: Obj, name: str, problem: str) -> Event:
    return Event(pod, "Warning", FAILED, _text(name, problem))


def _write_down(pod: Obj, found: Mapping[str, str]) -> Patch:
    meta = pod["metadata"]
    statuses = [{"name": name, "resourceClaimName": claim} for name, claim in found.items()]
    patch = {"metadata": {"uid": meta["uid"]}, "status": {"resourceClaimStatuses": statuses}}
    return Patch(PODS, meta["namespace"], meta["name"], patch, "status", STRATEGIC)


def _reserve(seen: PodSeen) -> Iterable[Action]:
    """Reserve allocated claims for a pod that has a node already: the scheduler does it for those that it places."""
    pod = seen.pod
    if not pod["spec"].get("nodeName"):
        return
    for entry in pod_claims(pod):
        claim = _named(seen, entry)
        if claim is None or (entry.generated and not_owned(claim, pod)):
            continue
        if allocation(claim) is None or reserved_for(claim, pod) or len(consumers(claim)) >= MOST_USERS:
            continue
        status = {**claim["status"], "reservedFor": [*consumers(claim), consumer(pod)]}
        yield Update(RESOURCE_CLAIMS, {**claim, "status": status}, "status")
