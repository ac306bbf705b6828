"""An API server of dicts, and controller processes that follow it late and may be killed between any two of their writes.

What `world.World` leaves out: the truth is on the server, a process has copies that lag behind (each resource by itself), its
expectations are the real ones, its plans are carried out by the real executor, and a deletion has stages. The server's writes are
versioned, and refused as the real one's: a conflict of versions or uids, a name that is taken.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from kubern.base.clock import FakeClock, rfc3339
from kubern.base.errors import AlreadyExists, Conflict, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.client import ApiClient
from kubern.client.contract import GVR, ListResult
from kubern.client.events import EventRecorder
from kubern.client.informer import Informer, Key, key_of
from kubern.controllers.actions import MERGE, STRATEGIC
from kubern.controllers.cache import DEFAULTS, Cache, Options
from kubern.controllers.controller import Reconciler, Watch
from kubern.controllers.execution import Base, Executor
from kubern.controllers.expectations import Expectations
from kubern.controllers.kinds.csrapproving import ACCESS_REVIEWS
from kubern.controllers.resources import PODS
from tests.unit.client.scripted import Scripted
from tests.unit.controllers.world import merged

START = datetime(2026, 1, 1, tzinfo=UTC)


class Change(NamedTuple):
    """What a watch tells: an object's newest state, or that it is gone, at a version."""

    key: Key
    obj: Obj | None
    version: int


class Killed(Exception):
    """The process that wanted to write is no more."""


class Server:
    """The truth. All objects are copies: what was read is never changed."""

    def __init__(self) -> None:
        self.now = START
        self.objects: dict[GVR, dict[Key, Obj]] = {}
        self.log: dict[GVR, list[Change]] = {}
        self._numbers = itertools.count(1)

    def list(self, gvr: GVR) -> list[Obj]:
        return [*self.objects.get(gvr, {}).values()]

    def get(self, gvr: GVR, name: str, namespace: str = "ns") -> Obj:
        found = self.objects.get(gvr, {}).get((namespace, name))
        if found is None:
            raise NotFound(f"{gvr.plural} {name} not found")
        return found

    def create(self, gvr: GVR, obj: Obj) -> Obj:
        new, number = _copy(obj), next(self._numbers)
        meta = new["metadata"]
        if "name" not in meta:
            meta["name"] = f"{meta['generateName']}{number}"
        if key_of(new) in self.objects.get(gvr, {}):
            raise AlreadyExists(f"{gvr.plural} {meta['name']} already exists")
        meta |= {"uid": f"uid-{number}", "creationTimestamp": rfc3339(self.now), "generation": 1}
        return self._store(gvr, new, number)

    def update(self, gvr: GVR, obj: Obj, subresource: str = "") -> Obj:
        """Replace the status alone, or all but the status."""
        old = self.get(gvr, *reversed(key_of(obj)))
        if (
            obj["metadata"].get("resourceVersion", old["metadata"]["resourceVersion"])
            != old["metadata"]["resourceVersion"]
        ):
            raise Conflict("the object has been modified")
        new = {**old, "status": obj.get("status") or {}} if subresource == "status" else _copy(obj)
        if not subresource and "status" in old and gvr != PODS:
            new["status"] = old["status"]
        return self._replace(gvr, old, new)

    def patch(self, gvr: GVR, key: Key, patch: Obj, content_type: str = MERGE, subresource: str = "") -> Obj:
        old = self.get(gvr, *reversed(key))
        for field in ("uid", "resourceVersion"):
            expected = (patch.get("metadata") or {}).get(field)
            if expected and expected != old["metadata"][field]:
                raise Conflict(f"{field} is another one")
        return self._replace(gvr, old, merged(old, patch, content_type == STRATEGIC))

    def change(self, gvr: GVR, obj: Obj, **fields: Any) -> Obj:
        """Do what anybody else does to an object: replace these of its top-level fields."""
        return self._replace(gvr, self.get(gvr, *reversed(key_of(obj))), {**obj, **fields})

    def delete(self, gvr: GVR, key: Key, uid: str = "", version: str = "") -> None:
        """Remove an object; one with finalizers, and a pod that a kubelet has, is only marked."""
        old = self.get(gvr, *reversed(key))
        meta = old["metadata"]
        if (uid and meta["uid"] != uid) or (version and meta["resourceVersion"] != version):
            raise Conflict("it is another object by now")
        running = gvr == PODS and old["spec"].get("nodeName") and not _ended(old)
        if meta.get("finalizers") or running:
            if not meta.get("deletionTimestamp"):
                self._replace(gvr, old, {**old, "metadata": {**meta, "deletionTimestamp": rfc3339(self.now)}})
            return
        self.remove(gvr, old)

    def remove(self, gvr: GVR, obj: Obj) -> None:
        """Let an object be gone, whatever holds it."""
        del self.objects[gvr][key_of(obj)]
        self.log.setdefault(gvr, []).append(Change(key_of(obj), None, next(self._numbers)))

    def _replace(self, gvr: GVR, old: Obj, new: Obj) -> Obj:
        fixed = {name: old["metadata"][name] for name in ("uid", "resourceVersion", "creationTimestamp", "generation")}
        new = {**new, "metadata": {**new["metadata"], **fixed}}
        if new == old:
            return old
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] += 1
        if (
            new["metadata"].get("deletionTimestamp")
            and not new["metadata"].get("finalizers")
            and (gvr != PODS or _ended(new))
        ):
            self.remove(gvr, old)
            return new
        return self._store(gvr, _copy(new), next(self._numbers))

    def _store(self, gvr: GVR, obj: Obj, number: int) -> Obj:
        obj["metadata"]["resourceVersion"] = str(number)
        self.objects.setdefault(gvr, {})[key_of(obj)] = obj
        self.log.setdefault(gvr, []).append(Change(key_of(obj), obj, number))
        return obj


class Asked(NamedTuple):
    """A request: which of the process' reconcilers asks, and for what."""

    reconciler: int
    verb: str
    gvr: GVR
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class Writer(ApiClient):
    """One process' way to the server, which may be cut off after some more writes."""

    def __init__(self, server: Server) -> None:
        super().__init__(Scripted())
        self._server = server
        self.reconciler = -1
        """The one that is at work."""
        self.asked: set[Asked] = set()
        self.left: int | None = None
        """Writes until the process is killed, None for never."""
        self.written = 0

    def _ask(self, verb: str, gvr: GVR, namespace: str = "", name: str = "", subresource: str = "") -> None:
        self.asked.add(Asked(self.reconciler, verb, gvr, namespace, name, subresource))

    def _count(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed
        self.written += 1

    async def get(self, gvr: GVR, name: str, namespace: str = "", *, subresource: str = "") -> Obj:
        self._ask("get", gvr, namespace, name, subresource)
        return self._server.get(gvr, name, namespace)

    async def list(self, gvr: GVR, namespace: str = "", **how: Any) -> ListResult:
        self._ask("list", gvr, namespace)
        items = [each for each in self._server.list(gvr) if each["metadata"].get("namespace", "") == namespace]
        return ListResult(items, "")

    async def create(self, gvr: GVR, obj: Obj, namespace: str = "", *, name: str = "", subresource: str = "") -> Obj:
        self._ask("create", gvr, namespace or obj["metadata"].get("namespace", ""), name, subresource)
        if gvr == ACCESS_REVIEWS:  # an answer, nothing that is kept
            return {**obj, "status": {"allowed": True}}
        self._count()
        if subresource == "eviction":
            self._server.delete(gvr, (namespace, name))
            return {}
        return self._server.create(gvr, obj)

    async def update(self, gvr: GVR, obj: Obj, *, subresource: str = "") -> Obj:
        self._ask("update", gvr, *key_of(obj), subresource)
        self._count()
        return self._server.update(gvr, obj, subresource)

    async def patch(
        self, gvr: GVR, name: str, patch: Any, namespace: str = "", *, subresource: str = "", content_type: str = MERGE
    ) -> Obj:
        self._ask("patch", gvr, namespace, name, subresource)
        self._count()
        return self._server.patch(gvr, (namespace, name), patch, content_type, subresource)

    async def delete(
        self, gvr: GVR, name: str, namespace: str = "", *, grace_period: int | None = None, uid: str = "",
        resource_version: str = "", propagation: str = "",
    ) -> Obj:  # fmt: skip
        self._ask("delete", gvr, namespace, name)
        self._count()
        self._server.delete(gvr, (namespace, name), uid, resource_version)
        return {}


class Todo(NamedTuple):
    """A key that a controller has to look at."""

    reconciler: int
    key: Key


class Process:
    """Controllers that run together: their copies, expectations, and what they have to do. Begins with a fresh list of everything."""

    def __init__(self, server: Server, reconcilers: Iterable[Reconciler], options: Options = DEFAULTS) -> None:
        self.server = server
        self._reconcilers = [*reconcilers]
        self._informers: dict[GVR, Informer] = {}
        self._seen: dict[GVR, int] = {}
        self.cache = Cache(self._informer, options)
        self.writer = Writer(server)
        self.todo: dict[Todo, None] = {}
        self.later: dict[Todo, datetime] = {}
        self._memories: dict[Todo, Any] = {}
        self._recalls = [each.new_recall() if each.new_recall else each.recall for each in self._reconcilers]
        clock = self._clock = FakeClock()
        self._expectations = [Expectations(self.cache) for _ in self._reconcilers]
        self._executors = [
            Executor(self.writer, clock, EventRecorder(self.writer, each.component, clock), expectations)
            for each, expectations in zip(self._reconcilers, self._expectations, strict=True)
        ]
        for index, reconciler in enumerate(self._reconcilers):
            for watch in reconciler.watches:
                self._follow(index, watch)

    def _informer(self, gvr: GVR) -> Informer:
        if gvr not in self._informers:
            informer = self._informers[gvr] = Informer()
            log = self.server.log.get(gvr, [])
            for obj in self.server.list(gvr):
                informer.put(key_of(obj), obj)
            informer.saw(str(log[-1].version if log else 0))
            self._seen[gvr] = len(log)
        return self._informers[gvr]

    def _follow(self, index: int, watch: Watch) -> None:
        def changed(before: Obj | None, after: Obj | None) -> None:
            for key in watch.keys(before, after, self.cache):
                self.todo[Todo(index, key)] = None

        self._informer(watch.gvr).on_change(changed)

    def behind(self) -> list[GVR]:
        """Return the resources of which not everything has arrived."""
        return [gvr for gvr, seen in self._seen.items() if seen < len(self.server.log.get(gvr, []))]

    def deliver(self, gvr: GVR, most: int) -> None:
        """Let the next changes of one resource arrive."""
        changes = self.server.log[gvr][self._seen[gvr] :][:most]
        for change in changes:
            self._seen[gvr] += 1
            self._informers[gvr].saw(str(change.version))
            self._informers[gvr].put(change.key, change.obj)

    def wake(self) -> None:
        """Bring back what was to be looked at again by now."""
        for todo, when in [*self.later.items()]:
            if when <= self.server.now:
                del self.later[todo]
                self.todo[todo] = None

    def work(self, todo: Todo, runner: asyncio.Runner) -> None:
        """Do one piece of work. Raises `Killed`."""
        del self.todo[todo]
        try:
            done = runner.run(self._reconcile(todo))
        except StatusError:
            done = False
        if not done:
            self.later[todo] = self.server.now

    async def _reconcile(self, todo: Todo) -> bool:
        reconciler, expectations = self._reconcilers[todo.reconciler], self._expectations[todo.reconciler]
        self.writer.reconciler = todo.reconciler
        if not expectations.met(todo.key, self._clock.monotonic()):
            return False
        base = Base(reconciler.resource, self.cache.at(reconciler.resource, todo.key))
        observed = reconciler.observe(todo.key, self.cache)
        if observed is not None and reconciler.gather is not None:
            observed = await reconciler.gather(observed, self.writer)
        if observed is None:
            self._memories.pop(todo, None)
            return True
        recall = self._recalls[todo.reconciler]
        if recall is not None:
            observed, self._memories[todo] = recall(observed, self._memories.get(todo), self.server.now)
        plan = reconciler.decide(observed, self.server.now)
        await self._executors[todo.reconciler].carry_out(todo.key, plan.actions, base)
        if plan.status is not None and base.obj is not None and (base.obj.get("status") or {}) != plan.status:
            answer = await self.writer.update(
                reconciler.resource, {**base.obj, "status": plan.status}, subresource="status"
            )
            expectations.wrote(todo.key, reconciler.resource, answer, self._clock.monotonic())
        if plan.requeue_after is not None:
            self.later[todo] = self.server.now + timedelta(seconds=plan.requeue_after)
        return True


def conditions(*, ready: bool, now: datetime) -> Obj:
    """Return the status of a running pod."""
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": rfc3339(now)}],
    }


def controllers(pod: Obj) -> Iterator[Obj]:
    """Return the owners that say they control a pod."""
    return (each for each in pod["metadata"].get("ownerReferences") or () if each.get("controller"))


def _ended(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _copy(obj: Obj) -> Obj:
    copied: Obj = orjson.loads(orjson.dumps(obj))
    return copied
