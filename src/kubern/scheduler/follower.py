"""Follows the cluster: turns what informers tell into columns, the queue's pods, and events that wake waiting pods."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

from kubern.base.json import Obj
from kubern.client.contract import GVR
from kubern.client.informer import Informer, Informers
from kubern.scheduler import listers as kinds
from kubern.scheduler.cluster_events import differs, ended, node_events, object_event
from kubern.scheduler.columns import Columns
from kubern.scheduler.framework import Event
from kubern.scheduler.nominations import Nominations
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.profile import DEFAULT_NAME, Profile
from kubern.scheduler.queue import Queue
from kubern.scheduler.writer import PODS

NODES = GVR("", "v1", "nodes")
_TOLD = {
    kinds.SERVICES: "Service",
    kinds.CLAIMS: "PersistentVolumeClaim",
    kinds.VOLUMES: "PersistentVolume",
    kinds.CLASSES: "StorageClass",
    kinds.CSI_NODES: "CSINode",
    kinds.RESOURCE_CLAIMS: "ResourceClaim",
    kinds.RESOURCE_SLICES: "ResourceSlice",
    kinds.DEVICE_CLASSES: "DeviceClass",
}
_SILENT = (kinds.REPLICATION_CONTROLLERS, kinds.REPLICA_SETS, kinds.STATEFUL_SETS, kinds.DISRUPTION_BUDGETS)


class InformerListers:
    """Reads from informers."""

    def __init__(self, informers: Informers) -> None:
        self._followed = {gvr: informers.of(gvr) for gvr in (*_TOLD, *_SILENT, kinds.NAMESPACES)}

    def followed(self) -> Mapping[GVR, Informer]:
        """Return the informers."""
        return self._followed

    def get(self, gvr: GVR, namespace: str, name: str) -> Obj | None:
        """Return one object, None when there is none."""
        return self._followed[gvr].get(namespace, name)

    def list(self, gvr: GVR, namespace: str = "") -> Iterable[Obj]:
        """Return all objects, or those of one namespace."""
        return self._followed[gvr].list(namespace)


class Follower:
    """Keeps columns and queue up to date; `wake` is called when there may be something to try."""

    def __init__(
        self, informers: Informers, profiles: Mapping[str, Profile], queue: Queue, now: Callable[[], float]
    ) -> None:
        self.columns = Columns()
        self.assumed: set[str] = set()
        """Uids of pods that are on their way to a node: counted there, not yet bound."""
        self.nominations = Nominations(self.columns)
        self.listers = InformerListers(informers)
        self.wake: Callable[[], None] = lambda: None
        self._profiles = profiles
        self._queue = queue
        self._now = now
        self._nodes = informers.of(NODES)
        self._pods = informers.of(PODS)

    async def start(self) -> None:
        """Begin to follow; returns once everything that is there has been taken in."""
        self._nodes.on_change(self._node_changed)
        followed = self.listers.followed()
        followed[kinds.NAMESPACES].on_change(self._namespace_changed)
        for gvr, kind in _TOLD.items():
            followed[gvr].on_change(functools.partial(self._object_changed, kind))
        for informer in (self._nodes, *followed.values()):
            await informer.synced.wait()
        self._pods.on_change(self._pod_changed)
        await self._pods.synced.wait()

    def pods(self) -> Iterable[Obj]:
        """Return all pods, as they are known now."""
        return self._pods.list()

    def held(self, info: PodInfo) -> Obj | None:
        """Return a pod as it is known now, None when it is gone (or another has its name)."""
        pod = self._pods.get(info.namespace, info.name)
        return pod if pod is not None and pod["metadata"]["uid"] == info.uid else None

    def mine(self, pod: Obj) -> bool:
        """Whether a pod waits for one of these profiles."""
        spec = pod["spec"]
        return (
            not spec.get("nodeName")
            and spec.get("schedulerName", DEFAULT_NAME) in self._profiles
            and "deletionTimestamp" not in pod["metadata"]
            and not ended(pod)
        )

    def enqueue(self, pod: Obj) -> None:
        """Let a pod be tried, or wait for its gates."""
        gate = self._profiles[pod["spec"].get("schedulerName", DEFAULT_NAME)].gate(pod)
        self._queue.add(PodInfo(pod), self._now(), gated=bool(gate))
        self.wake()

    def _pod_changed(self, before: Obj | None, after: Obj | None) -> None:
        uid = (after or before or {})["metadata"]["uid"]
        if after is None or ended(after):
            self._queue.remove(uid)
            self.assumed.discard(uid)
            self.nominations.drop(uid)
            counted = self.columns.where(uid) is not None
            self.columns.remove_pod(uid)
            if counted:
                self._event(Event("Pod/Delete", before))
        elif after["spec"].get("nodeName"):
            self._on_node(before, after)
        elif not self.mine(after):
            self._queue.remove(uid)
            self.nominations.drop(uid)
        elif uid not in self.assumed:
            self._follow_claim(before, after)
            self.enqueue(after)

    def _follow_claim(self, before: Obj | None, after: Obj) -> None:
        """Take over a claim that is written down; one that is only being written is not forgotten for another change of the pod."""
        claimed = (after.get("status") or {}).get("nominatedNodeName") or ""
        if claimed:
            if not self.nominations.node_of(after["metadata"]["uid"]):
                self.nominations.set(PodInfo(after), claimed)
        elif before is not None and (before.get("status") or {}).get("nominatedNodeName"):
            self.nominations.drop(after["metadata"]["uid"])

    def _on_node(self, before: Obj | None, after: Obj) -> None:
        uid, node = after["metadata"]["uid"], after["spec"]["nodeName"]
        if before is not None and before["spec"].get("nodeName"):
            if not differs(before, after):
                self.columns.refresh(after)
                return
            self.columns.add_pod(PodInfo(after), node)
            self._event(Event("Pod/Update", before, after))
            return
        self._queue.remove(uid)
        self.assumed.discard(uid)
        self.nominations.drop(uid)
        self.columns.add_pod(PodInfo(after), node)
        self._event(Event("Pod/Add", None, after))

    def _node_changed(self, before: Obj | None, after: Obj | None) -> None:
        if after is None:
            self.columns.remove_node((before or {})["metadata"]["name"])
        else:
            self.columns.set_node(after)
        for event in node_events(before, after):
            self._event(event)

    def _namespace_changed(self, before: Obj | None, after: Obj | None) -> None:
        name = (after or before or {})["metadata"]["name"]
        labels = None if after is None else after["metadata"].get("labels") or {}
        self.columns.relations.set_namespace(name, labels)
        self._event(object_event("Namespace", before, after))

    def _object_changed(self, kind: str, before: Obj | None, after: Obj | None) -> None:
        self._event(object_event(kind, before, after))

    def _event(self, event: Event) -> None:
        self._queue.event(event, self._now())
        self.wake()
