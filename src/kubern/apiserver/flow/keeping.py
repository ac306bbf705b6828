"""Looks after the stored FlowSchemas and PriorityLevelConfigurations: the default ones stay as they should be, and every schema's
condition `Dangling` says whether its level exists.

Run by `ApiServer`. The mandatory objects are put back whatever happened to them; the suggested ones unless their annotation
`apf.kubernetes.io/autoupdate-spec` is false. What always holds: objects that no default names keep their specifications.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from kubern.apiserver.bootstrap import ensure
from kubern.apiserver.cache import Change
from kubern.apiserver.core import Core
from kubern.apiserver.encoding import Entry
from kubern.apiserver.flow.objects import GROUP, MANDATORY, flow_schemas, priority_levels
from kubern.base.clock import rfc3339
from kubern.base.errors import StatusError
from kubern.base.json import Obj

EVERY = 60.0
"""Seconds between two looks at the default objects, as upstream's."""
AUTOUPDATE = "apf.kubernetes.io/autoupdate-spec"
LEVELS, SCHEMAS = "prioritylevelconfigurations", "flowschemas"
_log = logging.getLogger(__name__)


class Keeping:
    """Keeps the objects of one server."""

    def __init__(self, core: Core) -> None:
        """To be made before the feed starts."""
        self._core = core
        self._changed = asyncio.Event()
        for plural in (LEVELS, SCHEMAS):
            core.feed.listen(plural, _Listener(self._changed))

    async def run(self) -> None:
        """Keep the objects until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_conditions(), name="conditions of flow schemas")
            group.create_task(self._keep_defaults(), name="default flow schemas")

    async def _keep_conditions(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            levels = {entry.name for entry in self._core.select(LEVELS, group=GROUP)}
            schemas = [entry for entry in self._core.select(SCHEMAS, group=GROUP) if not _told(entry.obj(), levels)]
            await self._all(self._tell(entry.name, levels) for entry in schemas)

    async def _keep_defaults(self) -> None:
        while True:
            await self._core.clock.sleep(EVERY)
            await self.restore()

    async def restore(self) -> None:
        """Create the default objects that are missing, and put those back that differ and are the server's to keep."""
        wanted = [(LEVELS, obj) for obj in priority_levels()] + [(SCHEMAS, obj) for obj in flow_schemas()]
        await self._all(self._keep(plural, obj) for plural, obj in wanted)

    async def _keep(self, plural: str, wanted: Obj) -> None:
        if not await ensure(self._core, GROUP, "v1", plural, wanted):
            resource = self._core.resources[GROUP, "v1", plural]
            full = {"kind": resource.kind, "apiVersion": resource.api_version} | wanted
            resource.default(full)
            await self._update(plural, wanted["metadata"]["name"], partial(restored, full))

    async def _tell(self, name: str, levels: set[str]) -> None:
        async def change(old: Obj) -> Obj:
            return old if _told(old, levels) else told(old, levels, rfc3339(self._core.clock.now()))

        await self._update(SCHEMAS, name, change)

    async def _update(self, plural: str, name: str, change: Callable[[Obj], Awaitable[Obj]]) -> None:
        if self._core.has_storage(plural, GROUP) and self._core.find(plural, "", name, GROUP):
            await self._core.storage_of(plural, GROUP).update("", name, change)

    @staticmethod
    async def _all(writes: Iterable[Awaitable[None]]) -> None:
        """Carry writes out together: those that wait together are made durable together."""
        for result in await asyncio.gather(*writes, return_exceptions=True):
            if isinstance(result, StatusError):
                _log.warning("flow control's objects: %s", result)
            elif isinstance(result, BaseException):
                raise result


async def restored(wanted: Obj, old: Obj) -> Obj:
    """Return a default object as it should be; `old` itself when it is, or when an administrator keeps it."""
    metadata = old["metadata"]
    annotations = metadata.get("annotations") or {}
    mandatory = metadata["name"] in MANDATORY
    setting = annotations.get(AUTOUPDATE)
    if not mandatory and setting == "false":
        return old
    if not mandatory and setting != "true" and (metadata.get("generation") or 1) > 1:
        return _annotated(old, "false")  # somebody's own from before the annotation: theirs to keep
    spec = wanted["spec"]
    if spec.get("type") == "Exempt":
        spec = spec | {"exempt": old["spec"].get("exempt") or spec["exempt"]}  # an administrator may set these shares
    if spec != old["spec"]:
        metadata = metadata | {"generation": (metadata.get("generation") or 1) + 1}
        old = old | {"metadata": metadata, "spec": spec}
    return old if setting == "true" else _annotated(old, "true")


def _annotated(obj: Obj, value: str) -> Obj:
    annotations = (obj["metadata"].get("annotations") or {}) | {AUTOUPDATE: value}
    return obj | {"metadata": obj["metadata"] | {"annotations": annotations}}


def _level_of(schema: Obj) -> str:
    return str(schema["spec"]["priorityLevelConfiguration"]["name"])


def dangling(level: str, exists: bool) -> Obj:
    """Return the condition, without its time, of a schema that refers to `level`."""
    refers = f'This FlowSchema references the PriorityLevelConfiguration object named "{level}"'
    if exists:
        return {"type": "Dangling", "status": "False", "reason": "Found", "message": f"{refers} and it exists"}
    message = f"{refers} but there is no such object"
    return {"type": "Dangling", "status": "True", "reason": "NotFound", "message": message}


def _conditions(schema: Obj) -> list[Obj]:
    return (schema.get("status") or {}).get("conditions") or []


def _told(schema: Obj, levels: set[str]) -> bool:
    """Whether a schema's condition says what is."""
    level = _level_of(schema)
    wanted = dangling(level, level in levels)
    return any(wanted.items() <= held.items() for held in _conditions(schema))


def told(schema: Obj, levels: set[str], now: str) -> Obj:
    """Return a schema with its condition as it is now; its time changes only with its status."""
    level = _level_of(schema)
    wanted = dangling(level, level in levels)
    others = []
    since = now
    for held in _conditions(schema):
        if held.get("type") != "Dangling":
            others.append(held)
        elif held.get("status") == wanted["status"]:
            since = held.get("lastTransitionTime") or now
    status = (schema.get("status") or {}) | {"conditions": [*others, wanted | {"lastTransitionTime": since}]}
    return schema | {"status": status}


class _Listener:
    """Notes that something has changed."""

    def __init__(self, changed: asyncio.Event) -> None:
        self._changed = changed

    def load(self, entries: Sequence[Entry]) -> None:
        self._changed.set()

    def change(self, change: Change) -> None:
        self._changed.set()
