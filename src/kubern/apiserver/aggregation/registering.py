"""The APIServices of what this server answers itself: made for every built-in group version and for every custom one.

Called by `Aggregation`. What always holds: an APIService without our label belongs to somebody else and is left alone; one of a custom
resource follows its definition, one of a built-in group is put right once, at start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from kubern.api.rules.conditions import with_condition
from kubern.apiserver.aggregation.availability import local, shown_in
from kubern.apiserver.aggregation.priorities import CUSTOM_GROUP, CUSTOM_VERSION, GROUPS, version_priority
from kubern.apiserver.core import Core
from kubern.apiserver.metadata import fill_new
from kubern.apiserver.storage import Storage
from kubern.base.errors import AlreadyExists, NotFound
from kubern.base.json import Obj

PLURAL, GROUP = "apiservices", "apiregistration.k8s.io"
LABEL = "kube-aggregator.kubernetes.io/automanaged"
ON_START, ALWAYS = "onstart", "true"


def wanted(core: Core) -> dict[str, Obj]:
    """Return the APIServices that belong to what is served now, by name, without status."""
    found = {}
    for group, version in {(key[0], key[1]) for key in core.built_in}:
        if group in GROUPS and group != GROUP:
            found[f"{version}.{group}"] = _apiservice(
                group, version, (GROUPS[group], version_priority(group, version)), ON_START
            )
    for group, version in {(key[0], key[1]) for key in core.resources if key not in core.built_in}:
        found.setdefault(
            f"{version}.{group}", _apiservice(group, version, (CUSTOM_GROUP, CUSTOM_VERSION), ALWAYS)
        )  # fmt: skip
    return found


def _apiservice(group: str, version: str, priority: tuple[int, int], managed: str) -> Obj:
    return {
        "kind": "APIService",
        "apiVersion": f"{GROUP}/v1",
        "metadata": {"name": f"{version}.{group}", "labels": {LABEL: managed}},
        "spec": {
            "version": version, "groupPriorityMinimum": priority[0], "versionPriority": priority[1],
        } | ({"group": group} if group else {}),
    }  # fmt: skip


async def register(core: Core, *, starting: bool) -> None:
    """Create, correct and delete APIServices until they are what is served. Raises `StatusError`, `StoreError`."""
    storage = core.storage_of(PLURAL, GROUP)
    want = wanted(core)
    have = {entry.name: entry.obj() for entry in storage.cache.entries.values()}
    writes = [_create(core, storage, obj) for name, obj in want.items() if name not in have and _due(obj, starting)]
    writes += [
        _correct(core, storage, want[name])
        for name, obj in have.items()
        if name in want and _managed(obj) and not _right(obj, want[name]) and (_due(want[name], starting))
    ]
    writes += [
        _delete(storage, name)
        for name, obj in have.items()
        if name not in want and (_managed(obj) == ALWAYS or (starting and _managed(obj) == ON_START))
    ]
    # all at once: writes that wait together are made durable together
    await asyncio.gather(*writes)


def _due(obj: Obj, starting: bool) -> bool:
    """Whether now is the time for it: what comes with the server is only looked at when it starts."""
    return starting or _managed(obj) == ALWAYS


def _managed(obj: Obj) -> str:
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels.get(LABEL, "")


def _right(have: Obj, want: Obj) -> bool:
    return bool(have["spec"] == want["spec"] and _managed(have) == _managed(want))


async def _create(core: Core, storage: Storage, obj: Obj) -> None:
    resource = storage.resource
    now = core.clock.now()
    fill_new(obj, resource, now, core.rng)
    obj["status"] = {"conditions": [local(now)]}
    try:
        await storage.create("", obj["metadata"]["name"], obj)
    except AlreadyExists:
        return


async def _delete(storage: Storage, name: str) -> None:
    entry = storage.find("", name)
    if entry is not None:
        await storage.delete(entry)


async def _correct(core: Core, storage: Storage, want: Obj) -> None:
    async def change(old: Obj) -> Obj:
        labels = (old["metadata"].get("labels") or {}) | want["metadata"]["labels"]
        return old | {"metadata": old["metadata"] | {"labels": labels}, "spec": want["spec"]}

    try:
        await storage.update("", want["metadata"]["name"], change)
    except NotFound:
        return


async def set_condition(core: Core, name: str, condition: Obj) -> None:
    """Write an APIService's Available condition where it says something else."""
    storage = core.storage_of(PLURAL, GROUP)

    async def change(old: Obj) -> Obj:
        status = old.get("status") or {}
        if shown_in(status.get("conditions") or (), condition):
            return old
        return old | {"status": with_condition(status, condition)}

    try:
        await storage.update("", name, change)
    except NotFound:
        return
