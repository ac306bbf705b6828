"""A world of dicts in which a controller's plans are carried out at once and in full. It stands in for API and informers where a test asks
what a decision leads to; it knows nothing of validation, versions or deletion in stages."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from kubern.base.clock import rfc3339
from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.client.informer import Informer, Key, key_of
from kubern.controllers.actions import STRATEGIC, Action, Create, Delete, Event, Patch, Plan, Update
from kubern.controllers.cache import DEFAULTS, Cache, Options
from kubern.controllers.controller import Reconciler
from kubern.controllers.resources import PODS

START = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """Objects by resource, a clock, and the Events told."""

    def __init__(self, options: Options = DEFAULTS) -> None:
        self.now = START
        self.events: list[tuple[str, str]] = []
        self.writes: list[Action] = []
        self._informers: dict[GVR, Informer] = {}
        self._numbers = itertools.count(1)
        self._memories: dict[tuple[str, Key], Any] = {}
        self._recalls: dict[str, Any] = {}
        self.cache = Cache(self.informer, options)

    def informer(self, gvr: GVR) -> Informer:
        return self._informers.setdefault(gvr, Informer())

    def put(self, gvr: GVR, obj: Obj) -> Obj:
        """Store an object as the server would: with uid, version, creation time and generation."""
        new: Obj = orjson.loads(orjson.dumps(obj))
        number = next(self._numbers)
        meta = new["metadata"]
        if "name" not in meta:
            meta["name"] = f"{meta.pop('generateName')}{number}"
        old = self.informer(gvr).get(*key_of(new))
        meta.setdefault("uid", old["metadata"]["uid"] if old else f"uid-{number}")
        meta.setdefault("creationTimestamp", rfc3339(self.now))
        meta["resourceVersion"] = str(number)
        changed = old is not None and old.get("spec") != new.get("spec")
        meta["generation"] = (old["metadata"]["generation"] if old else 1) + changed
        self.informer(gvr).put(key_of(new), new)
        return new

    def get(self, gvr: GVR, name: str, namespace: str = "ns") -> Obj:
        """Return an object that must be there."""
        found = self.cache.get(gvr, namespace, name)
        assert found is not None, f"no {gvr.plural} {namespace}/{name}"
        return found

    def list(self, gvr: GVR) -> list[Obj]:
        return self.cache.list(gvr)

    def remove(self, gvr: GVR, obj: Obj) -> None:
        self.informer(gvr).put(key_of(obj), None)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def change(self, gvr: GVR, name: str, change: Callable[[Obj], None], namespace: str = "ns") -> Obj:
        """Change a copy of an object and store it."""
        copy: Obj = orjson.loads(orjson.dumps(self.get(gvr, name, namespace)))
        change(copy)
        return self.put(gvr, copy)

    # controllers

    def plan(self, reconciler: Reconciler, key: Key) -> Plan:
        """Observe and decide once. Also checks that a decision changes nothing of what it was given."""
        observed = reconciler.observe(key, self.cache)
        if observed is None:
            return Plan()
        recall = reconciler.recall
        if reconciler.new_recall is not None:
            recall = self._recalls.setdefault(reconciler.component, reconciler.new_recall())
        if recall is not None:
            memory = (reconciler.component, key)
            observed, self._memories[memory] = recall(observed, self._memories.get(memory), self.now)
        before = {gvr: orjson.dumps(i.list()) for gvr, i in self._informers.items()}
        plan = reconciler.decide(observed, self.now)
        assert before == {gvr: orjson.dumps(i.list()) for gvr, i in self._informers.items()}
        return plan

    def step(self, reconciler: Reconciler, key: Key) -> bool:
        """Observe, decide and carry out once; returns whether anything was written."""
        plan = self.plan(reconciler, key)
        base = self.cache.at(reconciler.resource, key)
        written = [self._carry_out(action) for action in plan.actions]
        current = self.cache.at(reconciler.resource, key)
        if (
            plan.status is not None
            and base is not None
            and current is not None
            and (current.get("status") or {}) != plan.status
        ):
            self.put(reconciler.resource, {**current, "status": plan.status})
            written.append(True)
        return any(written)

    def settle(self, reconciler: Reconciler, key: Key, limit: int = 50) -> int:
        """Step until nothing is written any more; returns the number of steps that wrote."""
        for steps in range(limit):
            if not self.step(reconciler, key):
                return steps
        raise AssertionError("it never comes to rest")

    def _carry_out(self, action: Action) -> bool:
        if isinstance(action, Event):
            self.events.append((action.reason, action.message))
            return False
        self.writes.append(action)
        name = self._write(action)
        told = getattr(action, "told", None)
        if told is not None and told.done_reason and name:
            self.events.append((told.done_reason, told.done.format(name=name)))
        return True

    def _write(self, action: Action) -> str:
        if isinstance(action, Create):
            return str(self.put(action.gvr, action.obj)["metadata"]["name"])
        if isinstance(action, Delete):
            found = self.cache.get(action.gvr, action.namespace, action.name)
            assert found is not None
            assert found["metadata"]["uid"] == action.uid
            self.remove(action.gvr, found)
            return action.name
        if isinstance(action, Update):
            self.put(action.gvr, action.obj)
            return str(action.obj["metadata"]["name"])
        assert isinstance(action, Patch), action
        found = self.cache.get(action.gvr, action.namespace, action.name)
        assert found is not None
        self.put(action.gvr, merged(found, action.patch, action.content_type == STRATEGIC))
        return action.name


def merged(old: Any, patch: Any, strategic: bool) -> Any:
    """Merge maps; lists are replaced, or in a strategic patch merged by the keys that controllers use (uid, type, name)."""
    if isinstance(patch, list) and strategic and isinstance(old, list):
        return _merged_list(old, patch)
    if not isinstance(patch, dict) or not isinstance(old, dict):
        return [] if strategic and isinstance(patch, list) and "$patch" in patch[0] else patch
    result = dict(old)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif name != "resourceVersion":
            result[name] = merged(result.get(name), value, strategic)
    return result


def _merged_list(old: list[Obj], patch: list[Obj]) -> list[Obj]:
    key = next(each for each in ("uid", "type", "name") if each in patch[0])
    result = list(old)
    for each in patch:
        result = [entry for entry in result if entry[key] != each[key]]
        if each.get("$patch") != "delete":
            result.append(each)
    return result


def pod(
    name: str, labels: dict[str, str] | None = None, *, node: str = "n1", ip: str = "", ready: bool = True, **spec: Any
) -> Obj:
    """A running pod."""
    status: Obj = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": rfc3339(START)}],
    }
    if ip:
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "ns", "labels": labels or {}},
        "spec": {"nodeName": node, "containers": [{"name": "c"}], **spec},
        "status": status,
    }


def run_pod(world: World, name: str, *, ready: bool = True) -> None:
    """Do to a pod what scheduler and kubelet do."""

    def run(obj: Obj) -> None:
        obj["spec"].setdefault("nodeName", "n1")
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": rfc3339(world.now)}
        obj["status"] = {"phase": "Running", "conditions": [condition]}

    world.change(PODS, name, run)
