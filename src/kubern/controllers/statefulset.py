"""The pods of a StatefulSet: names, identity, volumes claimed and who owns these, and from which revision each is made. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubern.base.json import Obj
from kubern.controllers.actions import Update
from kubern.controllers.owners import controller_of, reference_to
from kubern.controllers.pods import from_template
from kubern.controllers.resources import CLAIMS
from kubern.controllers.revisions import HASH_LABEL

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"


def start_of(stateful_set: Obj) -> int:
    """Return the first ordinal."""
    return int((stateful_set["spec"].get("ordinals") or {}).get("start") or 0)


def ordinal_of(stateful_set: Obj, pod: Obj) -> int:
    """Return a pod's ordinal, -1 for a pod that is not named as this set names them."""
    prefix, _, number = pod["metadata"]["name"].rpartition("-")
    return int(number) if prefix == stateful_set["metadata"]["name"] and number.isdigit() else -1


def revision_of(pod: Obj) -> str:
    """Return the name of the revision that a pod was made from."""
    return str((pod["metadata"].get("labels") or {}).get(HASH_LABEL, ""))


def make_pod(stateful_set: Obj, reference: Obj, revision: Obj, ordinal: int) -> Obj:
    """Return the pod of an ordinal from a revision's template."""
    template = revision["data"]["spec"]["template"]
    name = f"{stateful_set['metadata']['name']}-{ordinal}"
    made = from_template(template, stateful_set, reference)
    meta = {key: value for key, value in made["metadata"].items() if key != "generateName"}
    labels = {
        **(meta.get("labels") or {}),
        POD_NAME: name,
        POD_INDEX: str(ordinal),
        HASH_LABEL: revision["metadata"]["name"],
    }
    spec = {**made["spec"], "hostname": name}
    if stateful_set["spec"].get("serviceName"):
        spec["subdomain"] = stateful_set["spec"]["serviceName"]
    claims = stateful_set["spec"].get("volumeClaimTemplates") or ()
    if claims:
        own = {each["metadata"]["name"] for each in claims}
        others = [volume for volume in spec.get("volumes") or () if volume["name"] not in own]
        spec["volumes"] = [*others, *(_volume(each, name) for each in claims)]
    return {**made, "metadata": {**meta, "name": name, "labels": labels}, "spec": spec}


def make_claims(stateful_set: Obj, ordinal: int) -> Sequence[Obj]:
    """Return the claims that an ordinal's volumes come from; they outlive its pods."""
    name = f"{stateful_set['metadata']['name']}-{ordinal}"
    labels = (stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                **{key: each["metadata"][key] for key in ("annotations",) if each["metadata"].get(key)},
                "name": f"{each['metadata']['name']}-{name}",
                "namespace": stateful_set["metadata"]["namespace"],
                "labels": {**(each["metadata"].get("labels") or {}), **labels},
            },
            "spec": each["spec"],
        }
        for each in stateful_set["spec"].get("volumeClaimTemplates") or ()
    ]


def claim_owners(stateful_set: Obj, pod: Obj, claims: Mapping[str, Obj]) -> list[Update]:
    """Return what gives a pod's claims the owners that persistentVolumeClaimRetentionPolicy wants, so that garbage collection
    deletes them: the set (whenDeleted), or the pod, for one that is scaled away (whenScaled). Source: KEP-1847.

    Owners that are neither are left alone, and so is a claim that another controller owns.
    """
    policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    ordinal, start = ordinal_of(stateful_set, pod), start_of(stateful_set)
    scaled_away = not start <= ordinal < start + int(stateful_set["spec"].get("replicas", 1))
    by_pod = policy.get("whenScaled") == "Delete" and scaled_away
    by_set = policy.get("whenDeleted") == "Delete" and not by_pod
    wanted = [reference_to(stateful_set, "apps/v1", "StatefulSet")] if by_set else []
    wanted += [reference_to(pod, "v1", "Pod")] if by_pod else []
    ours = {stateful_set["metadata"]["uid"], pod["metadata"]["uid"]}
    updates = []
    for made in make_claims(stateful_set, ordinal):
        claim = claims.get(made["metadata"]["name"])
        if claim is None:
            continue
        controller = controller_of(claim)
        owners = claim["metadata"].get("ownerReferences") or []
        # a pod of this name that went is no owner any more: its claims are the new pod's
        others = [
            o
            for o in owners
            if o["uid"] not in ours and not (o["kind"] == "Pod" and o["name"] == pod["metadata"]["name"])
        ]
        foreign = controller is not None and any(o["uid"] == controller["uid"] for o in others)
        if not foreign and {o["uid"] for o in owners} != {o["uid"] for o in (*others, *wanted)}:
            meta = {**claim["metadata"], "ownerReferences": [*others, *wanted]}
            updates.append(Update(CLAIMS, {**claim, "metadata": meta}))
    return updates


def _volume(claim: Obj, pod: str) -> Obj:
    name = claim["metadata"]["name"]
    return {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{pod}"}}
