"""What is to be done about one object, given what its owners are and who depends on it. Pure.

Source: the documentation "Garbage Collection" (background, foreground and orphan deletion).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.controllers.actions import MERGE, Action, Delete, Patch, Plan
from kubern.controllers.garbage.graph import FOREGROUND, ORPHAN, Node


class Owner(Enum):
    """What an owner reference leads to."""

    SOLID = "is there"
    DANGLING = "is not there"
    WAITING = "is being deleted in the foreground and waits for its dependents"
    UNKNOWN = "cannot be looked up"


class Observed(NamedTuple):
    """An object, what each of its owner references leads to, and its dependents."""

    node: Node
    owners: Sequence[tuple[Obj, Owner]]
    dependents: Sequence[Node]


def decide(observed: Observed) -> Plan:
    """Orphan, wait, drop dead references, or delete."""
    node = observed.node
    if node.deleting and node.has_finalizer(ORPHAN):
        return _orphan(observed)
    if node.waits_for_dependents:
        return _foreground(observed)
    if node.deleting or not observed.owners:
        return Plan()
    found = {state: [ref for ref, is_so in observed.owners if is_so is state] for state in Owner}
    if found[Owner.SOLID] or found[Owner.UNKNOWN]:
        dead = [*found[Owner.DANGLING], *found[Owner.WAITING]]
        return Plan((_references(node, [ref for ref in node.owners if ref not in dead]),)) if dead else Plan()
    if found[Owner.WAITING] and observed.dependents:
        return _in_the_foreground(observed)
    policy = (
        "Orphan" if node.has_finalizer(ORPHAN) else "Foreground" if node.has_finalizer(FOREGROUND) else "Background"
    )
    return Plan((_deletion(node, policy),))


def _in_the_foreground(observed: Observed) -> Plan:
    """Delete an object with dependents of its own before its owner; if two wait for each other, neither blocks."""
    node, actions = observed.node, list[Action]()
    if any(dependent.waits_for_dependents for dependent in observed.dependents):
        unblocked = [{**ref, "blockOwnerDeletion": False} for ref in node.owners]
        if unblocked != node.owners:
            actions.append(_references(node, unblocked))
    # without a resource version: the patch before it has moved it
    actions.append(_deletion(node, "Foreground")._replace(resource_version=""))
    return Plan(tuple(actions))


def _orphan(observed: Observed) -> Plan:
    """Take the references to this object off its dependents, then let it go."""
    node = observed.node
    actions: list[Action] = [
        _references(dependent, [ref for ref in dependent.owners if ref["uid"] != node.uid])
        for dependent in observed.dependents
    ]
    return Plan((*actions, _without_finalizer(node, ORPHAN)))


def _foreground(observed: Observed) -> Plan:
    """Let the object go once no dependent blocks it; until then the dependents' own deletion is under way."""
    node = observed.node
    blocking = [
        dependent
        for dependent in observed.dependents
        if any(ref["uid"] == node.uid and ref.get("blockOwnerDeletion") for ref in dependent.owners)
    ]
    return Plan() if blocking else Plan((_without_finalizer(node, FOREGROUND),))


def _without_finalizer(node: Node, name: str) -> Patch:
    kept = [each for each in node.meta.get("finalizers") or () if each != name]
    return _patch(node, {"finalizers": kept})


def _references(node: Node, references: list[Obj]) -> Patch:
    return _patch(node, {"ownerReferences": references})


def _patch(node: Node, changes: Obj) -> Patch:
    # lists are replaced as a whole: the version makes sure that they are still what was seen
    meta = {"uid": node.uid, "resourceVersion": node.meta["resourceVersion"], **changes}
    return Patch(node.gvr, node.namespace, node.meta["name"], {"metadata": meta}, content_type=MERGE)


def _deletion(node: Node, policy: str) -> Delete:
    meta = node.meta
    return Delete(
        node.gvr,
        node.namespace,
        meta["name"],
        node.uid,
        propagation=policy,
        resource_version=meta["resourceVersion"],
    )
