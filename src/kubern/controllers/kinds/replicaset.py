"""ReplicaSet: keeps as many pods of a template as its replicas say."""

from __future__ import annotations

from functools import partial

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.client.labels import selects
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself, owner_or_selecting
from kubern.controllers.owners import claim, controller_of, reference_to
from kubern.controllers.pods import is_finished
from kubern.controllers.replicas import Observed, crowding, decide, failed
from kubern.controllers.resources import PODS, REPLICA_SETS


def _selected(replica_set: Obj, pod: Obj) -> bool:
    return selects(replica_set["spec"].get("selector"), pod["metadata"].get("labels"))


WATCHES = (
    Watch(REPLICA_SETS, itself),
    Watch(PODS, owner_or_selecting("ReplicaSet", REPLICA_SETS, _selected)),
)


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return the ReplicaSet, its pods and the orphans that it selects."""
    replica_set = cache.at(REPLICA_SETS, key)
    if replica_set is None:
        return None
    reference = reference_to(replica_set, "apps/v1", "ReplicaSet")
    uid, selector = replica_set["metadata"]["uid"], replica_set["spec"].get("selector")
    candidates = [pod for pod in (*cache.owned(PODS, uid), *cache.orphans(PODS, key[0])) if not is_finished(pod)]
    claimed = claim(PODS, reference, replica_set, lambda labels: selects(selector, labels), candidates)
    return Observed(replica_set, reference, claimed.objects, claimed.actions, partial(_crowding, replica_set, cache))


def _crowding(replica_set: Obj, cache: Cache) -> dict[str, int]:
    """Count the pods of all ReplicaSets of the same Deployment by node."""
    deployment = controller_of(replica_set)
    siblings = cache.owned(REPLICA_SETS, deployment["uid"]) if deployment else [replica_set]
    return dict(crowding([pod for each in siblings for pod in cache.owned(PODS, each["metadata"]["uid"])]))


CONTROLLER = Controller(
    "replicaset-controller",
    Reconciler(REPLICA_SETS, WATCHES, observe, decide, "replicaset-controller", failed=failed),
    account="replicaset-controller",
)
