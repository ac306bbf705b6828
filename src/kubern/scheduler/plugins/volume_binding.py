"""VolumeBinding: a pod goes where its volumes can be used; volumes that wait for their first consumer are chosen or provisioned there.

What was found for a node is remembered from Filter to PreBind, which writes it down (a volume's claimRef, or the claim's selected-node
annotation) and waits until the volume controller has bound everything. Source: the Kubernetes documentation, "Storage Classes", volume
binding mode, and "Persistent Volumes".
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from kubern.api.selectors import selects
from kubern.base.errors import Conflict, Timeout
from kubern.base.json import Obj
from kubern.base.quantity import parse
from kubern.scheduler import claims as c
from kubern.scheduler.claims import PodClaims, bound_volumes, is_bound, pod_claims, storage_class
from kubern.scheduler.columns import Mask
from kubern.scheduler.framework import Binding, Cycle, Event, Plugin, Refusal, never
from kubern.scheduler.listers import CLAIMS, CLASSES, VOLUMES, Listers
from kubern.scheduler.plugins.node_affinity import term_matches
from kubern.scheduler.podinfo import PodInfo

NAME = "VolumeBinding"
BIND_TIMEOUT = 600
"""Seconds to wait for a volume."""
POLL = 0.25
WRONG_NODE = "node(s) didn't match PersistentVolume's node affinity"
NOTHING_FREE = "node(s) didn't find available persistent volumes to bind"
NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"


class Choice(NamedTuple):
    """What a claim gets on a node: a volume that exists, or None: it is provisioned."""

    claim: Obj
    volume: Obj | None


def _pre_filter(cycle: Cycle) -> str:
    found = pod_claims(cycle.pod, cycle.listers) if cycle.info.storage else c.NONE
    cycle.state[NAME] = found
    return found.problem


def _filter(cycle: Cycle) -> list[Refusal]:
    found: PodClaims = cycle.state.get(NAME, c.NONE)
    refusals = []
    if found.bound:
        refusals += _bound(cycle, found)
    if found.delayed:
        columns = cycle.columns
        possible = columns.mask(lambda node: choices(cycle, found.delayed, node) is not None)
        if (columns.present & ~possible).any():
            refusals.append(Refusal(columns.present & ~possible, NOTHING_FREE, lasting=True))
    return refusals


def _bound(cycle: Cycle, found: PodClaims) -> list[Refusal]:
    """Refuse nodes from which a bound volume cannot be reached."""
    columns = cycle.columns
    volumes = bound_volumes(found.bound, cycle.listers)
    if any(volume is None for volume in volumes):
        return [Refusal(columns.present, NO_VOLUME, lasting=True)]
    picky = [volume for volume in volumes if volume is not None and volume["spec"].get("nodeAffinity")]
    fits = columns.present
    for volume in picky:
        question = (NAME, volume["metadata"]["uid"], volume["metadata"].get("resourceVersion"))
        reaches: Mask = columns.memo(question, functools.partial(columns.mask, functools.partial(reachable, volume)))
        fits = fits & reaches
    return [Refusal(columns.present & ~fits, WRONG_NODE, lasting=True)] if picky else []


def reachable(volume: Obj, node: Obj) -> bool:
    """Whether a node meets a volume's node affinity."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    return required is None or any(term_matches(term, node) for term in required.get("nodeSelectorTerms") or ())


def choices(cycle: Cycle, delayed: tuple[Obj, ...], node: Obj) -> list[Choice] | None:
    """Return what each claim would get on a node, None when one would get nothing."""
    chosen: list[Choice] = []
    used: set[str] = set()
    # the smallest first, so that a small claim does not take the volume that only the large one needs
    for claim in sorted(delayed, key=_size):
        selected = (claim["metadata"].get("annotations") or {}).get(c.SELECTED_NODE)
        if selected and selected != node["metadata"]["name"]:
            return None
        free = () if selected else _candidates(cycle, claim)
        volume = next((v for v in free if v["metadata"]["name"] not in used and reachable(v, node)), None)
        if volume is not None:
            used.add(volume["metadata"]["name"])
        elif not _can_provision(claim, node, cycle.listers):
            return None
        chosen.append(Choice(claim, volume))
    return chosen


def _candidates(cycle: Cycle, claim: Obj) -> list[Obj]:
    """Return the free volumes that suit a claim, wherever they are: those made for it first, then the smallest."""
    key = f"{NAME}/{claim['metadata']['uid']}"
    found: list[Obj] | None = cycle.state.get(key)
    if found is None:
        taken: dict[str, str] = cycle.columns.notes.setdefault(NAME, {})
        uid = claim["metadata"]["uid"]
        found = cycle.state[key] = [
            volume
            for volume in cycle.listers.list(VOLUMES)
            if taken.get(volume["metadata"]["name"], uid) == uid and _suits(volume, claim) and _free(volume, claim)
        ]
        found.sort(key=lambda volume: (not volume["spec"].get("claimRef"), _capacity(volume)))
    return found


def _free(volume: Obj, claim: Obj) -> bool:
    """Whether a volume is made for a claim, or for none and meets its selector."""
    reference = volume["spec"].get("claimRef")
    if reference:
        return _refers(reference, claim)
    if (volume.get("status") or {}).get("phase") != "Available":
        return False
    selector = claim["spec"].get("selector")
    return not selector or selects(selector, volume["metadata"].get("labels"))


def _suits(volume: Obj, claim: Obj) -> bool:
    spec, held = claim["spec"], volume["spec"]
    return (
        "deletionTimestamp" not in volume["metadata"]
        and storage_class(volume) == storage_class(claim)
        and held.get("volumeMode", "Filesystem") == spec.get("volumeMode", "Filesystem")
        and (held.get("volumeAttributesClassName") or "") == (spec.get("volumeAttributesClassName") or "")
        and set(spec.get("accessModes") or ()) <= set(held.get("accessModes") or ())
        and _capacity(volume) >= _size(claim)
    )


def _refers(reference: Obj, claim: Obj) -> bool:
    meta = claim["metadata"]
    same = reference.get("name") == meta["name"] and reference.get("namespace") == meta.get("namespace")
    return same and reference.get("uid") in (None, "", meta["uid"])


def _size(claim: Obj) -> int:
    return parse(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", 0)).value()


def _capacity(volume: Obj) -> int:
    return parse((volume["spec"].get("capacity") or {}).get("storage", 0)).value()


def _can_provision(claim: Obj, node: Obj, listers: Listers) -> bool:
    held = listers.get(CLASSES, "", storage_class(claim))
    if held is None or held.get("provisioner") in (None, "", c.NO_PROVISIONER) or claim["spec"].get("selector"):
        return False
    topologies = held.get("allowedTopologies") or ()
    labels = node["metadata"].get("labels") or {}
    return not topologies or any(
        all(labels.get(each["key"]) in each["values"] for each in term.get("matchLabelExpressions") or ())
        for term in topologies
    )


def _reserve(cycle: Cycle, node: str) -> None:
    """Keep the chosen volumes from other pods until the API knows."""
    found: PodClaims = cycle.state.get(NAME, c.NONE)
    if not found.delayed:
        return
    held = cycle.columns.nodes[cycle.columns.rows[node]]
    chosen = choices(cycle, found.delayed, held) if held is not None else None
    cycle.state[f"{NAME}/chosen"] = chosen or []
    taken: dict[str, str] = cycle.columns.notes.setdefault(NAME, {})
    for choice in chosen or ():
        if choice.volume is not None:
            taken[choice.volume["metadata"]["name"]] = choice.claim["metadata"]["uid"]


def _release(cycle: Cycle, node: str) -> None:
    taken: dict[str, str] = cycle.columns.notes.get(NAME, {})
    for choice in cycle.state.get(f"{NAME}/chosen") or ():
        if choice.volume is not None:
            taken.pop(choice.volume["metadata"]["name"], None)


async def _pre_bind(binding: Binding, patience: int) -> None:
    """Write down what was chosen, and wait for the volumes. Raises `StatusError`."""
    cycle, client = binding.cycle, binding.client
    chosen: list[Choice] = cycle.state.get(f"{NAME}/chosen") or []
    for claim, volume in chosen:
        meta = claim["metadata"]
        if volume is None:
            patch = {"metadata": {"uid": meta["uid"], "annotations": {c.SELECTED_NODE: binding.node}}}
            await client.patch(CLAIMS, meta["name"], patch, meta["namespace"])
            continue
        reference = {
            "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": meta["namespace"], "name": meta["name"],
            "uid": meta["uid"], "resourceVersion": meta.get("resourceVersion", ""),
        }  # fmt: skip
        version = volume["metadata"].get("resourceVersion", "")
        patch = {
            "metadata": {"resourceVersion": version, "annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}},
            "spec": {"claimRef": reference},
        }
        await client.patch(VOLUMES, volume["metadata"]["name"], patch)
    waited, seen = 0.0, set[str]()
    while not all(_done(claim, binding, seen) for claim, _ in chosen):
        if waited >= patience:
            raise Timeout("binding volumes: context deadline exceeded")
        await binding.clock.sleep(POLL)
        waited += POLL
    _release(cycle, binding.node)


def _done(claim: Obj, binding: Binding, seen: set[str]) -> bool:
    """Whether a claim is bound. Raises `Conflict` when its provisioner has given the node up. `seen`: claims known to have been told."""
    meta = claim["metadata"]
    held = binding.cycle.listers.get(CLAIMS, meta["namespace"], meta["name"])
    if held is None:
        return False
    if (held["metadata"].get("annotations") or {}).get(c.SELECTED_NODE) == binding.node:
        seen.add(meta["uid"])
    elif meta["uid"] in seen:
        raise Conflict(f'provisioning failed for PVC "{meta["name"]}"')
    return is_bound(held)


def _hint(info: PodInfo, event: Event) -> bool:
    """A claim helps whose name the pod has; anything else of storage may help."""
    if not event.name.startswith("PersistentVolumeClaim/"):
        return True
    meta = (event.after or event.before or {})["metadata"]
    return meta.get("namespace") == info.namespace and any(
        each.name == meta["name"] for each in c.claim_names(info.pod)
    )


def configured(args: Obj) -> Plugin:
    """Return the plug-in with `bindTimeoutSeconds`. Raises `ValueError`."""
    patience = args.get("bindTimeoutSeconds", BIND_TIMEOUT)
    if not isinstance(patience, int) or patience < 0:
        raise ValueError(
            f"bindTimeoutSeconds: Invalid value: {patience}: invalid BindTimeoutSeconds, should not be a negative value"
        )
    return _plugin(patience)


def _plugin(patience: int) -> Plugin:
    kinds = ("PersistentVolumeClaim", "PersistentVolume", "StorageClass", "CSINode")
    return Plugin(
        NAME,
        pre_filter=_pre_filter,
        filter=_filter,
        refuses=never,
        reserve=_reserve,
        unreserve=_release,
        pre_bind=functools.partial(_pre_bind, patience=patience),
        events=frozenset(
            {"Node/Add", "Node/Label", *(f"{kind}/{what}" for kind in kinds for what in ("Add", "Update"))}
        ),
        hint=_hint,
        configure=configured,
    )


PLUGIN = _plugin(BIND_TIMEOUT)
