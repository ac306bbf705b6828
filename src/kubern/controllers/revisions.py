"""ControllerRevisions: the history of a DaemonSet's or StatefulSet's pod template. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from kubern.base.json import Obj
from kubern.controllers.actions import Action, Create, Delete, Patch
from kubern.controllers.deployment.template import template_hash
from kubern.controllers.resources import CONTROLLER_REVISIONS

HASH_LABEL = "controller-revision-hash"
HISTORY_LIMIT = 10


class History(NamedTuple):
    """The revision of the present template, older ones by age, and what makes it so."""

    current: Obj
    old: list[Obj]
    actions: tuple[Action, ...]

    @property
    def hash(self) -> str:
        """The label value that pods of the present template carry."""
        return hash_of(self.current)


def hash_of(revision: Obj) -> str:
    """Return the value of the hash label."""
    return str((revision["metadata"].get("labels") or {}).get(HASH_LABEL, ""))


def history(owner: Obj, reference: Obj, revisions: Sequence[Obj]) -> History:
    """Find or make the revision of the owner's template; one that was used before becomes the newest again."""
    data = {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}}
    ordered = sorted(revisions, key=lambda r: (r.get("revision", 0), r["metadata"]["name"]))
    same = [each for each in ordered if _canonical(each.get("data")) == _canonical(data)]
    newest = max((each.get("revision", 0) for each in ordered), default=0)
    if not same:
        made = _made(owner, reference, data, newest + 1)
        return History(made, ordered, (Create(CONTROLLER_REVISIONS, made, owner["metadata"]["namespace"], None, True),))
    current = same[-1]
    old = [each for each in ordered if each is not current]
    if current.get("revision", 0) == newest:
        return History(current, old, ())
    meta = current["metadata"]
    raised = {"revision": newest + 1}
    action = Patch(CONTROLLER_REVISIONS, meta["namespace"], meta["name"], raised)
    return History({**current, **raised}, old, (action,))


def forgotten(owner: Obj, old: Sequence[Obj], in_use: Iterable[str]) -> list[Action]:
    """Return the deletions of revisions beyond the limit that no pod is of any more, the oldest first."""
    used = set(in_use)
    idle = [each for each in old if hash_of(each) not in used and each["metadata"]["name"] not in used]
    limit = owner["spec"].get("revisionHistoryLimit")
    excess = len(idle) - (HISTORY_LIMIT if limit is None else limit)
    metas = [each["metadata"] for each in idle[: max(excess, 0)]]
    return [Delete(CONTROLLER_REVISIONS, meta["namespace"], meta["name"], meta["uid"]) for meta in metas]


def _made(owner: Obj, reference: Obj, data: Obj, number: int) -> Obj:
    collisions = (owner.get("status") or {}).get("collisionCount") or 0
    digest = template_hash(owner["spec"]["template"], collisions)
    labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    meta: Obj = {
        "name": f"{owner['metadata']['name']}-{digest}",
        "namespace": owner["metadata"]["namespace"],
        "labels": {**labels, HASH_LABEL: digest},
        "ownerReferences": [reference],
    }
    return {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta, "data": data, "revision": number}


def _canonical(data: object) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
