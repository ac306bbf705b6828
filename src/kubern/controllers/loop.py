"""The loop that all reconcilers share: changes become keys, keys are observed and decided, plans are carried out.

What always holds: one key is worked on by one worker at a time; no decision is taken before the informers hold what the last one
wrote; failures back off; keys whose decisions take long, as those of workloads of thousands of pods do, are together decided on at most
a fifth of the time, for however many changes came meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from kubern.base.errors import Conflict, NotFound, StatusError
from kubern.base.json import Obj
from kubern.client.events import EventRecorder
from kubern.client.informer import Handler, Key
from kubern.client.workqueue import WorkQueue
from kubern.controllers.actions import Plan
from kubern.controllers.controller import Context, Reconciler, Watch
from kubern.controllers.execution import Base, Executor
from kubern.controllers.expectations import Expectations
from kubern.controllers.resources import followed

log = logging.getLogger(__name__)

QUICK = 0.005
"""Seconds of thought up to which a key is decided on whenever something changes."""
REST = 4.0
"""How many times as long as a long thought took the next long one has to wait."""
LOOK_AGAIN = 0.5
"""Seconds after which a key that waits for its own writes looks again; usually the write's arrival wakes it earlier."""


class Loop:
    """Runs one reconciler."""

    def __init__(self, name: str, reconciler: Reconciler, context: Context) -> None:
        self._name = name
        self._reconciler = reconciler
        self._context = context
        self._queue: WorkQueue[Key] = WorkQueue(context.clock, counts=context.counts(name))
        self._memories: dict[Key, Any] = {}
        self._recall = reconciler.new_recall() if reconciler.new_recall else reconciler.recall
        self._slow: set[Key] = set()
        """The keys whose last thought was a long one."""
        self._rest_until = 0.0
        """Until when they rest, by the monotonic clock."""
        self._expectations = Expectations(context.cache)
        self._recorder = EventRecorder(context.client, reconciler.component, context.clock, counts=context.told)
        self._executor = Executor(context.client, context.clock, self._recorder, self._expectations)

    async def run(self) -> None:
        """Run until cancelled."""
        watches = self._reconciler.watches
        informers = [followed(self._context.informers, watch.gvr) for watch in watches]
        for informer in informers:
            await informer.synced.wait()
        for watch, informer in zip(watches, informers, strict=True):
            informer.on_change(self._handler(watch))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recorder.run(), name=f"{self._name} events")
            for number in range(self._reconciler.workers):
                group.create_task(self._work(), name=f"{self._name} {number}")

    def _handler(self, watch: Watch) -> Handler:
        cache, queue, to_keys = self._context.cache, self._queue, watch.keys

        def changed(before: Obj | None, after: Obj | None) -> None:
            for key in to_keys(before, after, cache):
                queue.add(key)

        return changed

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self.reconcile(key)
            except (Conflict, NotFound) as error:
                # somebody else was faster; the change that says so is on its way
                log.debug("%s %s/%s: %s", self._name, *key, error)
                self._queue.add_rate_limited(key)
            except StatusError as error:
                self._refused(key, error)
            except Exception:
                # one object that a controller cannot cope with must not stop the others
                log.exception("%s %s/%s failed", self._name, *key)
                self._queue.add_rate_limited(key)
            finally:
                self._queue.done(key)

    def _refused(self, key: Key, error: StatusError) -> None:
        if any(cause.reason == "NamespaceTerminating" for cause in error.causes):
            self._queue.forget(key)
            return
        log.warning("%s %s/%s: %s", self._name, *key, error)
        self._queue.add_rate_limited(key)

    async def reconcile(self, key: Key) -> None:
        """Observe, decide and carry out once. Raises what the API refuses."""
        reconciler, cache = self._reconciler, self._context.cache
        begun = self._context.clock.monotonic()
        if not self._expectations.met(key, begun):
            self._queue.add_after(key, LOOK_AGAIN)
            return
        if key in self._slow and self._rest_until > begun:
            self._queue.add_after(key, self._rest_until - begun)
            return
        base = Base(reconciler.resource, cache.at(reconciler.resource, key))
        observed = reconciler.observe(key, cache)
        if observed is not None and reconciler.gather is not None:
            observed = await reconciler.gather(observed, self._context.client)
        if observed is None:
            self._queue.forget(key)
            self._memories.pop(key, None)
            self._slow.discard(key)
            return
        now = self._context.clock.now()
        if self._recall is not None:
            observed, self._memories[key] = self._recall(observed, self._memories.get(key), now)
        plan = reconciler.decide(observed, now)
        self._rest(key, begun)
        try:
            await self._executor.carry_out(key, plan.actions, base)
        except StatusError as error:
            await self._failed(key, observed, error, base)
            self._count(observed, None)
            raise
        await self._finish(key, plan, base)
        self._count(observed, plan)

    def _rest(self, key: Key, begun: float) -> None:
        now = self._context.clock.monotonic()
        if now - begun > QUICK and self._reconciler.gather is None:
            self._slow.add(key)
            self._rest_until = now + REST * (now - begun)
        else:
            self._slow.discard(key)

    def _count(self, observed: Any, plan: Plan | None) -> None:
        if self._reconciler.count is not None:
            self._context.counters.add(self._reconciler.count(observed, plan))

    async def _finish(self, key: Key, plan: Plan, base: Base) -> None:
        if plan.status is not None:
            await self._write_status(key, plan.status, base)
        self._queue.forget(key)
        if plan.requeue_after is not None:
            self._queue.add_after(key, plan.requeue_after)

    async def _failed(self, key: Key, observed: Any, error: StatusError, base: Base) -> None:
        if self._reconciler.failed is None:
            return
        status = self._reconciler.failed(observed, error, self._context.clock.now())
        if status is not None:
            try:
                await self._write_status(key, status, base)
            except StatusError as second:
                log.info("%s %s/%s: writing the failure: %s", self._name, *key, second)

    async def _write_status(self, key: Key, status: Obj, base: Base) -> None:
        if base.obj is None or (base.obj.get("status") or {}) == status:
            return
        gvr = self._reconciler.resource
        answer = await self._context.client.update(gvr, {**base.obj, "status": status}, subresource="status")
        self._expectations.wrote(key, gvr, answer, self._context.clock.monotonic())
