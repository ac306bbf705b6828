"""What the scheduler remembers of a pod: read from the object once, used in every cycle that concerns it."""

from __future__ import annotations

from kubern.base.json import Obj
from kubern.scheduler.claims import claim_names, has_storage
from kubern.scheduler.requests import PodRequests, pod_requests
from kubern.scheduler.terms import Affinity, pod_affinity

GroupKey = tuple[str, tuple[tuple[str, str], ...]]
"""Namespace and sorted labels: pods that no selector can tell apart."""


class PodInfo:
    """One pod, taken apart. Only `pod` is ever replaced, by a newer object that counts the same."""

    __slots__ = (
        "affinity",
        "claims",
        "group",
        "name",
        "namespace",
        "pod",
        "priority",
        "requests",
        "storage",
        "terminating",
        "uid",
    )

    def __init__(self, pod: Obj) -> None:
        meta, spec = pod["metadata"], pod["spec"]
        labels = meta.get("labels") or {}
        self.pod = pod
        self.uid: str = meta["uid"]
        self.name: str = meta["name"]
        self.namespace: str = meta.get("namespace") or ""
        self.priority: int = spec.get("priority") or 0
        self.terminating = "deletionTimestamp" in meta
        self.requests: PodRequests = pod_requests(pod)
        self.group: GroupKey = (self.namespace, tuple(sorted(labels.items())))
        self.storage = has_storage(pod)
        self.claims = tuple(each.name for each in claim_names(pod)) if self.storage else ()
        self.affinity: Affinity = pod_affinity(spec, self.namespace, labels)

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels."""
        return self.pod["metadata"].get("labels") or {}

    def counts_like(self, other: PodInfo) -> bool:
        """Whether the two count the same on a node."""
        return (
            self.group == other.group
            and self.terminating == other.terminating
            and self.requests == other.requests
            and self.affinity == other.affinity
            and self.claims == other.claims
        )
