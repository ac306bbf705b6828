"""ReplicationController: the ReplicaSet's predecessor, with a plain map as its selector."""

from __future__ import annotations

from functools import partial

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.client.labels import selects_map
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself, owner_or_selecting
from kubern.controllers.owners import claim, reference_to
from kubern.controllers.pods import is_finished
from kubern.controllers.replicas import Observed, crowding, decide, failed
from kubern.controllers.resources import PODS, REPLICATION_CONTROLLERS


def _selected(controller: Obj, pod: Obj) -> bool:
    return selects_map(controller["spec"].get("selector"), pod["metadata"].get("labels"))


WATCHES = (
    Watch(REPLICATION_CONTROLLERS, itself),
    Watch(PODS, owner_or_selecting("ReplicationController", REPLICATION_CONTROLLERS, _selected)),
)


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return the ReplicationController, its pods and the orphans that it selects."""
    controller = cache.at(REPLICATION_CONTROLLERS, key)
    if controller is None or not controller["spec"].get("template"):
        return None
    reference = reference_to(controller, "v1", "ReplicationController")
    owned = cache.owned(PODS, controller["metadata"]["uid"])
    candidates = [pod for pod in (*owned, *cache.orphans(PODS, key[0])) if not is_finished(pod)]
    selector = controller["spec"].get("selector")
    claimed = claim(PODS, reference, controller, lambda labels: selects_map(selector, labels), candidates)
    return Observed(controller, reference, claimed.objects, claimed.actions, partial(crowding, claimed.objects))


CONTROLLER = Controller(
    "replicationcontroller-controller",
    Reconciler(REPLICATION_CONTROLLERS, WATCHES, observe, decide, "replication-controller", failed=failed),
    account="replication-controller",
)
