"""TTL after finished: deletes a Job some time after it has ended, if it says so."""

from __future__ import annotations

from datetime import datetime, timedelta

from kubern.base.clock import parse_time
from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Delete, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, itself
from kubern.controllers.pods import condition
from kubern.controllers.resources import JOBS

WATCHES = (Watch(JOBS, itself),)


def observe(key: Key, cache: Cache) -> Obj | None:
    """Return a Job that has ended and says how long it is to be kept."""
    job = cache.at(JOBS, key)
    if job is None or job["metadata"].get("deletionTimestamp"):
        return None
    return job if job["spec"].get("ttlSecondsAfterFinished") is not None and _ended(job) else None


def decide(job: Obj, now: datetime) -> Plan:
    """Delete the Job with its pods when its time is up."""
    until = parse_time(_ended(job)) + timedelta(seconds=job["spec"]["ttlSecondsAfterFinished"])
    left = (until - now).total_seconds()
    if left > 0:
        return Plan(requeue_after=left)
    meta = job["metadata"]
    deletion = Delete(
        JOBS, meta["namespace"], meta["name"], meta["uid"],
        propagation="Foreground", resource_version=meta["resourceVersion"],
    )  # fmt: skip
    return Plan((deletion,))


def _ended(job: Obj) -> str:
    for kind in ("Complete", "Failed"):
        found = condition(job, kind)
        if found is not None and found["status"] == "True":
            return str(found.get("lastTransitionTime") or job["metadata"]["creationTimestamp"])
    return ""


CONTROLLER = Controller(
    "ttl-after-finished-controller",
    Reconciler(JOBS, WATCHES, observe, decide, "ttl-after-finished-controller"),
    account="ttl-after-finished-controller",
)
