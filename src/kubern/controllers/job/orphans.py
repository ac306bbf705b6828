"""Pods that were a Job's and that no Job will ever count: our finalizer comes off, or they could not be deleted.

They are left when a Job is deleted, with or without its pods, and when somebody takes away the owner of a pod that is to be deleted.
Run by the job controller beside the Jobs themselves. What always holds: a pod that a Job counts, or may still adopt, keeps its finalizer.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubern.base.json import Obj
from kubern.client.informer import Key, key_of
from kubern.client.labels import selects
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Reconciler, Watch
from kubern.controllers.job.facts import is_tracked
from kubern.controllers.job.pods import release
from kubern.controllers.owners import controller_of
from kubern.controllers.resources import JOBS, PODS


def _itself(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    return (key_of(after),) if after is not None and is_tracked(after) else ()


def _left_behind(before: Obj | None, after: Obj | None, cache: Cache) -> Iterable[Key]:
    """A Job that goes, or is replaced by one of its name, leaves its own pods and those that it could have adopted."""
    if before is None or (after is not None and _uid(after) == _uid(before) and not _leaving(after)):
        return ()
    pods = [*cache.owned(PODS, _uid(before)), *cache.orphans(PODS, before["metadata"]["namespace"])]
    return [key_of(pod) for pod in pods if is_tracked(pod)]


def observe(key: Key, cache: Cache) -> Obj | None:
    """Return a pod that has our finalizer and no Job."""
    pod = cache.at(PODS, key)
    if pod is None or not is_tracked(pod):
        return None
    owner = controller_of(pod)
    if owner is None:
        return None if not _leaving(pod) and _wanted(pod, cache) else pod
    if (owner["kind"], owner["apiVersion"]) != ("Job", "batch/v1"):
        return None
    job = cache.get(JOBS, key[0], owner["name"])
    return None if job is not None and _uid(job) == owner["uid"] else pod


def _wanted(pod: Obj, cache: Cache) -> bool:
    labels = pod["metadata"].get("labels")
    return any(
        not _leaving(job) and selects(job["spec"].get("selector"), labels)
        for job in cache.list(JOBS, pod["metadata"]["namespace"])
    )


def _uid(obj: Obj) -> str:
    return str(obj["metadata"]["uid"])


def _leaving(obj: Obj) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def decide(pod: Obj, now: datetime) -> Plan:
    """Take the finalizer off."""
    return Plan((release(pod),))


ORPHANS = Reconciler(PODS, (Watch(PODS, _itself), Watch(JOBS, _left_behind)), observe, decide, "job-controller")
