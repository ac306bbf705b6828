"""Storage version migration: writes every object of a resource again, so that all are stored as they would be today.

It runs where the API serves StorageVersionMigrations (they are beta: `--runtime-config`), and ends at start where it does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.clock import parse_time
from kubern.base.errors import Conflict, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import Client
from kubern.client.informer import Key
from kubern.controllers.actions import NOTHING, Plan
from kubern.controllers.cache import Cache
from kubern.controllers.conditions import changed, find
from kubern.controllers.controller import Context, Controller, Reconciler, Watch, itself
from kubern.controllers.discovery import Served, discover
from kubern.controllers.loop import Loop
from kubern.controllers.resources import MIGRATIONS

NAME = "storage-version-migrator-controller"
RUNNING, SUCCEEDED, FAILED = "Running", "Succeeded", "Failed"
REASONS = {
    RUNNING: "StorageVersionMigrationInProgress",
    SUCCEEDED: "StorageVersionMigrationSucceeded",
    FAILED: "StorageVersionMigrationFailed",
}
PATIENCE, AGAIN = 60.0, 2.0
"""Seconds for which a resource that is not served is waited for (its definition may have just been made), and between two looks."""
AT_ONCE = 16
_log = logging.getLogger(__name__)

WATCHES = (Watch(MIGRATIONS, itself),)


class Observed(NamedTuple):
    """A migration that has not ended, and how far it has got."""

    migration: Obj
    served: Served | None = None
    resource_version: str = ""
    done: bool = False
    error: str = ""


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a migration that has neither succeeded nor failed."""
    migration = cache.at(MIGRATIONS, key)
    if migration is None or migration["metadata"].get("deletionTimestamp"):
        return None
    return None if _is(migration, SUCCEEDED) or _is(migration, FAILED) else Observed(migration)


def _is(migration: Obj, kind: str) -> bool:
    found = find((migration.get("status") or {}).get("conditions"), kind)
    return found is not None and found["status"] == "True"


async def gather(observed: Observed, client: Client) -> Observed:
    """Find the resource; at first ask how far its history goes, then (while it runs) write all its objects again."""
    wanted = observed.migration["spec"]["resource"]
    found = await discover(client)
    named = [
        s for s in found.resources if (s.gvr.group, s.gvr.plural) == (wanted.get("group") or "", wanted["resource"])
    ]
    served = next((each for each in named if {"list", "patch"} <= each.verbs), None)
    if served is None:
        return observed
    listed = await client.list(served.gvr, metadata_only=True)
    if not _is(observed.migration, RUNNING):
        return observed._replace(served=served, resource_version=listed.resource_version)
    return observed._replace(served=served, done=True, error=await migrate(client, served, listed.items))


async def migrate(client: Client, served: Served, objects: Sequence[Obj]) -> str:
    """Write objects again as they are; returns what went wrong. One that others have written or deleted meanwhile needs nothing."""
    for begin in range(0, len(objects), AT_ONCE):
        batch = objects[begin : begin + AT_ONCE]
        for error in await asyncio.gather(*(_rewrite(client, served, each["metadata"]) for each in batch)):
            if error:
                return error
    return ""


async def _rewrite(client: Client, served: Served, meta: Obj) -> str:
    patch = {"metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}}
    try:
        await client.patch(served.gvr, meta["name"], patch, meta.get("namespace", ""))
    except (Conflict, NotFound):
        return ""
    except StatusError as error:
        _log.warning("%s %s/%s: %s", served.gvr.plural, meta.get("namespace", ""), meta["name"], error)
        return "migration encountered unhandled error"
    return ""


def decide(observed: Observed, now: datetime) -> Plan:
    """Set the condition of the next stage."""
    migration = observed.migration
    if observed.served is None:
        age = (now - parse_time(migration["metadata"]["creationTimestamp"])).total_seconds()
        if age < PATIENCE:
            return Plan(requeue_after=AGAIN)
        return Plan(status=_status(migration, FAILED, "resource not found", now))
    if observed.done:
        return Plan(status=_status(migration, FAILED if observed.error else SUCCEEDED, observed.error, now))
    if not observed.resource_version:
        return NOTHING
    status = _status(migration, RUNNING, "", now)
    return Plan(status=status | {"resourceVersion": observed.resource_version})


def _status(migration: Obj, kind: str, message: str, now: datetime) -> Obj:
    status = migration.get("status") or {}
    conditions = list(status.get("conditions") or ())
    if kind != RUNNING and find(conditions, RUNNING):
        ended = {"type": RUNNING, "status": "False", "reason": REASONS[RUNNING], "message": ""}
        conditions = changed(conditions, ended, now)
    new = {"type": kind, "status": "True", "reason": REASONS[kind], "message": message}
    return {**status, "conditions": changed(conditions, new, now)}


RECONCILER = Reconciler(MIGRATIONS, WATCHES, observe, decide, NAME, gather=gather)


async def run(context: Context) -> None:
    """Run the loop, if the API has the resource."""
    while True:
        try:
            found = await discover(context.client)
            break
        except StatusError as error:
            _log.info("%s: discovery: %s", NAME, error)
            await context.clock.sleep(AGAIN)
    if any(each.gvr == MIGRATIONS for each in found.resources):
        await Loop(NAME, RECONCILER, context).run()
    _log.info("%s: the API serves no %s", NAME, MIGRATIONS.plural)


CONTROLLER = Controller(NAME, run=run, account="storage-version-migrator-controller")
