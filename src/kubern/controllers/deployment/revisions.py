"""Revisions: the ReplicaSet of the newest template, its number, and which old ones are forgotten. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.actions import Action, Create, Delete, Patch, Told, Update
from kubern.controllers.deployment.model import (
    DESIRED,
    HASH_LABEL,
    MAX_REPLICAS,
    REVISION,
    REVISION_HISTORY,
    annotation,
    limits,
    number,
    replicas,
)
from kubern.controllers.deployment.template import template_hash
from kubern.controllers.owners import reference_to
from kubern.controllers.resources import DEPLOYMENTS, REPLICA_SETS

_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        REVISION_HISTORY,
        DESIRED,
        MAX_REPLICAS,
        "deprecated.deployment.rollback.to",
    }
)
HISTORY_LIMIT = 2000
"""Characters of the list of a ReplicaSet's earlier revisions."""


class Made(NamedTuple):
    """A new ReplicaSet as it will be, and the actions that make it."""

    replica_set: Obj
    actions: tuple[Action, ...]


def name_for_new(deployment: Obj) -> tuple[str, str]:
    """Return the name and the hash of the ReplicaSet of the Deployment's template."""
    collisions = (deployment.get("status") or {}).get("collisionCount") or 0
    digest = template_hash(deployment["spec"]["template"], collisions)
    return f"{deployment['metadata']['name']}-{digest}", digest


def next_revision(old: Iterable[Obj]) -> int:
    """Return the revision that the newest template gets."""
    return max((number(replica_set, REVISION) or 0 for replica_set in old), default=0) + 1


def make_new(deployment: Obj, old: Sequence[Obj], size: int) -> Made:
    """Return the ReplicaSet of a template that has none yet, with `size` replicas."""
    spec, meta = deployment["spec"], deployment["metadata"]
    name, digest = name_for_new(deployment)
    template_meta = spec["template"].get("metadata") or {}
    labels = {**(template_meta.get("labels") or {}), HASH_LABEL: digest}
    selector = dict(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    count = replicas(deployment)
    annotations = _copied(deployment) | {
        REVISION: str(next_revision(old)),
        DESIRED: str(count),
        MAX_REPLICAS: str(count + limits(deployment).surge),
    }
    made_spec: Obj = {
        "replicas": size,
        "selector": selector,
        "template": {**spec["template"], "metadata": {**template_meta, "labels": labels}},
    }
    if spec.get("minReadySeconds"):
        made_spec["minReadySeconds"] = spec["minReadySeconds"]
    replica_set: Obj = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [reference_to(deployment, "apps/v1", "Deployment")],
        },
        "spec": made_spec,
    }
    # `{{name}}` would be the action's own name; the sizes are known here already
    told = Told(
        deployment,
        "ScalingReplicaSet",
        f"Scaled up replica set {{name}} from 0 to {size}",
        "ReplicaSetCreateError",
        f'Failed to create new replica set "{name}": {{error}}',
    )
    silent = told._replace(done_reason="", done="") if size == 0 else told
    actions: list[Action] = [Create(REPLICA_SETS, replica_set, meta["namespace"], silent)]
    actions += revision_of_deployment(deployment, annotations[REVISION])
    return Made(replica_set, tuple(actions))


def keep_new(deployment: Obj, new: Obj, old: Sequence[Obj]) -> tuple[Action, ...]:
    """Return what brings an existing ReplicaSet of the newest template up to date: its revision, copied annotations."""
    have = new["metadata"].get("annotations") or {}
    wanted = {name: value for name, value in _copied(deployment).items() if have.get(name) != value}
    revision, newest = number(new, REVISION) or 0, next_revision(old)
    if revision < newest:
        wanted[REVISION] = str(newest)
        if revision:
            history = [*filter(None, annotation(new, REVISION_HISTORY).split(",")), str(revision)]
            while len(",".join(history)) > HISTORY_LIMIT:
                history.pop(0)
            wanted[REVISION_HISTORY] = ",".join(history)
    patch: Obj = {"metadata": {"annotations": wanted}} if wanted else {}
    least = deployment["spec"].get("minReadySeconds") or 0
    if (new["spec"].get("minReadySeconds") or 0) != least:
        patch["spec"] = {"minReadySeconds": least}
    meta = new["metadata"]
    actions: list[Action] = [Patch(REPLICA_SETS, meta["namespace"], meta["name"], patch)] if patch else []
    actions += revision_of_deployment(deployment, str(max(revision, newest)))
    return tuple(actions)


def revision_of_deployment(deployment: Obj, revision: str) -> list[Action]:
    """Return the update that writes the newest ReplicaSet's revision on the Deployment, if it has another one."""
    if annotation(deployment, REVISION) == revision:
        return []
    meta = deployment["metadata"]
    annotations = {**(meta.get("annotations") or {}), REVISION: revision}
    return [Update(DEPLOYMENTS, {**deployment, "metadata": {**meta, "annotations": annotations}})]


def forgotten(deployment: Obj, old: Sequence[Obj]) -> list[Action]:
    """Return the deletions of old ReplicaSets beyond revisionHistoryLimit, the lowest revisions first."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    if limit is None:
        return []
    alive = [replica_set for replica_set in old if not replica_set["metadata"].get("deletionTimestamp")]
    excess = len(alive) - limit
    ordered = sorted(alive, key=lambda rs: (number(rs, REVISION) or 0, rs["metadata"].get("creationTimestamp") or ""))
    return [
        Delete(REPLICA_SETS, rs["metadata"]["namespace"], rs["metadata"]["name"], rs["metadata"]["uid"])
        for rs in ordered[: max(excess, 0)]
        if _is_idle(rs)
    ]


def _is_idle(replica_set: Obj) -> bool:
    status = replica_set.get("status") or {}
    observed = replica_set["metadata"].get("generation", 0) <= status.get("observedGeneration", 0)
    return observed and replicas(replica_set) == 0 and not status.get("replicas")


def _copied(deployment: Obj) -> dict[str, str]:
    annotations = deployment["metadata"].get("annotations") or {}
    return {name: value for name, value in annotations.items() if name not in _NOT_COPIED}
