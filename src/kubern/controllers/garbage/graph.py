"""The graph of owners and dependents, kept from the metadata of every deletable resource. No I/O.

What always holds: `dependents(uid)` is known even for owners that were never seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.contract import GVR

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class Node(NamedTuple):
    """One object: where it is, and its metadata as last seen."""

    gvr: GVR
    kind: str
    namespaced: bool
    meta: Obj

    @property
    def uid(self) -> str:
        """The object's uid."""
        return str(self.meta["uid"])

    @property
    def namespace(self) -> str:
        """The object's namespace, empty for a cluster-scoped one."""
        return str(self.meta.get("namespace", ""))

    @property
    def owners(self) -> list[Obj]:
        """The object's owner references."""
        return list(self.meta.get("ownerReferences") or ())

    @property
    def deleting(self) -> bool:
        """Whether its deletion has begun."""
        return bool(self.meta.get("deletionTimestamp"))

    def has_finalizer(self, name: str) -> bool:
        """Whether a finalizer holds it."""
        return name in (self.meta.get("finalizers") or ())

    @property
    def waits_for_dependents(self) -> bool:
        """Whether it is being deleted in the foreground."""
        return self.deleting and self.has_finalizer(FOREGROUND)


class Graph:
    """All objects that may own or be owned."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, set[str]] = {}

    def get(self, uid: str) -> Node | None:
        """Return an object, None when it was never seen or is gone."""
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[Node]:
        """Return the objects that name `uid` as an owner."""
        return [self._nodes[each] for each in sorted(self._dependents.get(uid, ()))]

    def put(self, node: Node) -> set[str]:
        """Take in an object's newest state; returns the uids of those whose fate that may change."""
        old = self._nodes.get(node.uid)
        self._nodes[node.uid] = node
        before, after = _owner_uids(old), _owner_uids(node)
        self._unlink(node.uid, before - after)
        for owner in after - before:
            self._dependents.setdefault(owner, set()).add(node.uid)
        concerned: set[str] = set()
        if any(owner not in self._nodes or self._nodes[owner].waits_for_dependents for owner in after):
            concerned.add(node.uid)
        if node.deleting and (node.has_finalizer(ORPHAN) or node.has_finalizer(FOREGROUND)):
            concerned.add(node.uid)
            if node.has_finalizer(FOREGROUND):
                concerned |= self._dependents.get(node.uid, set())
        # an owner may have waited for this reference to go, or to block no longer
        changed = old is not None and old.owners != node.owners
        return concerned | (self._waiting(before | after) if changed else set())

    def remove(self, uid: str) -> set[str]:
        """An object is gone; returns the uids of those whose fate that may change."""
        node = self._nodes.pop(uid, None)
        if node is None:
            return set()
        owners = _owner_uids(node)
        self._unlink(uid, owners)
        return set(self._dependents.get(uid, ())) | self._waiting(owners)

    def _waiting(self, uids: Iterable[str]) -> set[str]:
        return {uid for uid in uids if (node := self._nodes.get(uid)) is not None and node.waits_for_dependents}

    def _unlink(self, uid: str, owners: Iterable[str]) -> None:
        for owner in owners:
            held = self._dependents.get(owner)
            if held is not None:
                held.discard(uid)
                if not held:
                    del self._dependents[owner]


def _owner_uids(node: Node | None) -> set[str]:
    return {owner["uid"] for owner in node.owners} if node is not None else set()
