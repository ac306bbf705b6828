"""Garbage collector: deletes what has lost its owners, and carries out foreground and orphan deletion.

It follows the metadata of every deletable resource that discovery shows, custom ones included. Owners that were never seen are asked for
before anything is deleted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from functools import partial

from kubern.base.errors import Conflict, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.client.events import WARNING, EventRecorder
from kubern.client.workqueue import WorkQueue
from kubern.controllers.controller import Context, Controller
from kubern.controllers.discovery import Served, discover
from kubern.controllers.execution import Base, Executor
from kubern.controllers.expectations import Expectations
from kubern.controllers.garbage.decision import Observed, Owner, decide
from kubern.controllers.garbage.graph import Graph, Node

log = logging.getLogger(__name__)

COMPONENT = "garbage-collector-controller"
REDISCOVER = 30.0
WORKERS = 20
MAX_ABSENT = 5000
SETTLE = 0.5
"""Seconds before an object whose owner was not seen yet is looked at: the owner's own news may be on its way."""
IGNORED = frozenset({("", "events"), ("events.k8s.io", "events")})
_NEEDED = frozenset({"delete", "list", "watch", "get", "patch"})


class GarbageCollector:
    """Runs the graph, the queue and the workers."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.graph = Graph()
        self._queue: WorkQueue[str] = WorkQueue(context.clock, counts=context.counts(COMPONENT))
        self._served: dict[GVR, Served] = {}
        self._recorder = EventRecorder(context.client, COMPONENT, context.clock, counts=context.told)
        self._expectations = Expectations(context.cache)
        self._executor = Executor(context.client, context.clock, self._recorder, self._expectations)
        self._absent: OrderedDict[str, None] = OrderedDict()

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recorder.run(), name="garbage events")
            group.create_task(self._follow(group), name="garbage discovery")

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Keep up with what is served; the workers start once all that is served at first is known."""
        started = False
        while True:
            try:
                await self._discover()
            except StatusError as error:
                log.warning("discovery: %s", error)
            if self._served and not started:
                started = True
                for number in range(WORKERS):
                    group.create_task(self._work(), name=f"garbage {number}")
            await self._context.clock.sleep(REDISCOVER if started else 1.0)

    async def _discover(self) -> None:
        found = await discover(self._context.client)
        wanted = {
            each.gvr: each
            for each in found.resources
            if each.verbs >= _NEEDED and (each.gvr.group, each.gvr.plural) not in IGNORED
        }
        gone = set() if found.stale else set(self._served) - set(wanted)
        for gvr in gone:
            del self._served[gvr]
            self._context.informers.drop(gvr)
        fresh = [served for gvr, served in wanted.items() if gvr not in self._served]
        informers = [(served, self._context.informers.of(served.gvr, metadata_only=True)) for served in fresh]
        for served, informer in informers:
            await informer.synced.wait()
            self._served[served.gvr] = served
            informer.on_change(partial(self._changed, served))

    def _changed(self, served: Served, before: Obj | None, after: Obj | None) -> None:
        if after is not None:
            node = Node(served.gvr, served.kind, served.namespaced, after["metadata"])
            for uid in self.graph.put(node):
                self._queue.add_after(uid, SETTLE if uid == node.uid and not node.deleting else 0)
        elif before is not None:
            self._is_absent(before["metadata"]["uid"])
            for uid in self.graph.remove(before["metadata"]["uid"]):
                self._queue.add(uid)

    async def _work(self) -> None:
        while True:
            uid = await self._queue.get()
            try:
                await self._attend(uid)
                self._queue.forget(uid)
            except Conflict:
                self._queue.add_rate_limited(uid)
            except StatusError as error:
                log.warning("garbage: %s: %s", uid, error)
                self._queue.add_rate_limited(uid)
            except Exception:
                # one object that cannot be coped with must not stop the others
                log.exception("garbage: %s failed", uid)
                self._queue.add_rate_limited(uid)
            finally:
                self._queue.done(uid)

    async def _attend(self, uid: str) -> None:
        node = self.graph.get(uid)
        if node is None:
            return
        owners = [(reference, await self._owner(node, reference)) for reference in node.owners]
        if any(state is Owner.UNKNOWN for _, state in owners):
            self._queue.add_after(uid, REDISCOVER)
        plan = decide(Observed(node, owners, self.graph.dependents(uid)))
        try:
            await self._executor.carry_out(("", uid), plan.actions, Base(node.gvr, None))
        finally:
            # uids and versions in every write are what guards here
            self._expectations.forget(("", uid))

    async def _owner(self, node: Node, reference: Obj) -> Owner:
        """Find out what a reference leads to: in the graph, or by asking."""
        known = self.graph.get(reference["uid"])
        if known is not None and known.namespace in ("", node.namespace):
            return Owner.WAITING if known.waits_for_dependents else Owner.SOLID
        if known is not None:
            self._misplaced(node, reference)
        if reference["uid"] in self._absent:
            return Owner.DANGLING
        served = self._resource_of(reference)
        if served is None:
            return Owner.UNKNOWN
        if served.namespaced and not node.namespaced:
            self._misplaced(node, reference)
            return Owner.UNKNOWN
        try:
            namespace = node.namespace if served.namespaced else ""
            owner = await self._context.client.get(served.gvr, reference["name"], namespace)
        except NotFound:
            self._is_absent(reference["uid"])
            return Owner.DANGLING
        if owner["metadata"]["uid"] != reference["uid"]:
            return Owner.DANGLING
        waits = Node(served.gvr, served.kind, served.namespaced, owner["metadata"]).waits_for_dependents
        return Owner.WAITING if waits else Owner.SOLID

    def _is_absent(self, uid: str) -> None:
        """Remember that an owner is gone for good: uids do not come back, and it may have thousands of dependents."""
        self._absent[uid] = None
        if len(self._absent) > MAX_ABSENT:
            self._absent.popitem(last=False)

    def _resource_of(self, reference: Obj) -> Served | None:
        group = reference["apiVersion"].rpartition("/")[0]
        return next((s for s in self._served.values() if s.gvr.group == group and s.kind == reference["kind"]), None)

    def _misplaced(self, node: Node, reference: Obj) -> None:
        parts = ("apiVersion", "kind", "name", "uid")
        shown = ", ".join(f"{part}: {reference.get(part, '')}" for part in parts)
        where = f'does not exist in namespace "{node.namespace}"' if node.namespaced else "is namespaced"
        group = f"{node.gvr.group}/{node.gvr.version}" if node.gvr.group else node.gvr.version
        regarding = {"apiVersion": group, "kind": node.kind, "metadata": node.meta}
        self._recorder.event(regarding, WARNING, "OwnerRefInvalidNamespace", f"ownerRef [{shown}] {where}")


async def _run(context: Context) -> None:
    await GarbageCollector(context).run()


CONTROLLER = Controller(COMPONENT, run=_run, account="generic-garbage-collector")
