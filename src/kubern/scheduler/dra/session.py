"""What the plug-in DynamicResources knows from one cycle to the next, and what it found in this one.

Imported with the first pod that has a claim: reading selectors needs CEL, which is large. What always holds: all that is decided is
counted in the ledger at once, before the API knows of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_
from typing import NamedTuple

import numpy as np

from kubern.api.pod_claims import MOST_USERS, allocation, consumers, not_owned, pod_claims, reserved_for
from kubern.base.json import Obj
from kubern.scheduler.columns import Mask
from kubern.scheduler.dra.allocator import Allocated, Allocator, allocate
from kubern.scheduler.dra.inventory import Inventory, read
from kubern.scheduler.dra.requests import Asking, CannotAllocate, alternatives
from kubern.scheduler.dra.usage import Ledger
from kubern.scheduler.framework import Cycle, Refusal, Scores
from kubern.scheduler.listers import DEVICE_CLASSES, RESOURCE_CLAIMS, RESOURCE_SLICES, Listers
from kubern.scheduler.plugins.node_affinity import term_matches

NAME = "DynamicResources"
NO_DEVICES = "cannot allocate all claims"
ELSEWHERE = "resourceclaim not available on the node"


class Knowledge:
    """The devices there are and what is taken of them; kept in the columns' notes."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.inventory = Inventory(())
        self._slices: Sequence[Obj] = ()

    def refresh(self, listers: Listers) -> None:
        """Take over what the local copies have."""
        self.ledger.sync([*listers.list(RESOURCE_CLAIMS)])
        slices = [*listers.list(RESOURCE_SLICES)]
        if len(slices) != len(self._slices) or not all(map(is_, slices, self._slices)):
            self.inventory, self._slices = read(slices, self.inventory), slices

    def asking(self, listers: Listers) -> Asking:
        """Return what claims are read against."""
        return Asking(self.inventory, self.ledger.usage, lambda name: listers.get(DEVICE_CLASSES, "", name))


class Found:
    """A pod's claims: those that have their devices, and those that get some; by row what they would get."""

    __slots__ = ("elsewhere", "given", "open", "problem", "ready", "written")

    def __init__(self, problem: str = "", ready: tuple[Obj, ...] = (), wanting: tuple[Obj, ...] = ()) -> None:
        self.problem = problem
        self.ready = ready
        self.open = wanting
        self.given: dict[int, Allocated] = {}
        self.elsewhere: dict[str, Obj] = {}
        """Claims by uid whose devices are out of reach of a node."""
        self.written: list[Obj] = []
        """Reserved: the open claims with what they get."""


def find(cycle: Cycle, known: Knowledge) -> Found:
    """Return a pod's claims, or why no node can take the pod."""
    ready: list[Obj] = []
    wanting: list[Obj] = []
    namespace = cycle.info.namespace
    for entry in pod_claims(cycle.pod):
        if entry.needless:
            continue
        if not entry.claim:
            return Found(f'pod "{namespace}/{cycle.info.name}": ResourceClaim not created yet')
        claim = cycle.listers.get(RESOURCE_CLAIMS, namespace, entry.claim)
        if claim is None:
            return Found(f'resourceclaim "{entry.claim}" not found')
        problem = _problem(cycle, claim, entry.generated, known)
        if problem:
            return Found(problem)
        claim = known.ledger.expected(claim["metadata"]["uid"]) or claim
        (wanting if allocation(claim) is None else ready).append(claim)
    return Found("", tuple(ready), tuple(wanting))


def _problem(cycle: Cycle, claim: Obj, generated: bool, known: Knowledge) -> str:
    meta = claim["metadata"]
    if meta.get("deletionTimestamp"):
        return f'resourceclaim "{meta["name"]}" is being deleted'
    if generated and (problem := not_owned(claim, cycle.pod)):
        return problem
    if known.ledger.pending(meta["uid"]):
        return f"resource claim {meta['namespace']}/{meta['name']} is in the process of being allocated"
    if allocation(claim) is not None:
        full = len(consumers(claim)) >= MOST_USERS and not reserved_for(claim, cycle.pod)
        return "resourceclaim in use" if full else ""
    for request in claim["spec"]["devices"].get("requests") or ():
        for name, spec in alternatives(request):
            if cycle.listers.get(DEVICE_CLASSES, "", spec.get("deviceClassName") or "") is None:
                return f"request {name}: device class {spec.get('deviceClassName')} does not exist"
    return ""


class _Answers(NamedTuple):
    reasons: dict[str, list[int]]

    def add(self, reason: str, row: int) -> None:
        self.reasons.setdefault(reason, []).append(row)


def refused(cycle: Cycle, known: Knowledge, found: Found, steps: int) -> list[Refusal]:
    """Return which nodes cannot reach the pod's devices, or have none left for it; remember what the others would give."""
    answers = _Answers({})
    allocator = Allocator(found.open, known.asking(cycle.listers), steps)
    for row, node in enumerate(cycle.columns.nodes):
        if node is None:
            continue
        away = [claim for claim in found.ready if not _reaches(claim, node)]
        if away:
            found.elsewhere.update((claim["metadata"]["uid"], claim) for claim in away)
            answers.add(ELSEWHERE, row)
        elif found.open:
            try:
                given = allocator.on(node)
            except CannotAllocate as error:
                answers.add(str(error), row)
                continue
            if given is None:
                answers.add(NO_DEVICES, row)
            else:
                found.given[row] = given
    return [Refusal(_mask(cycle, rows), reason, lasting=True) for reason, rows in answers.reasons.items()]


def again(cycle: Cycle, found: Found, node: str, steps: int) -> Allocated | None:
    """Return what a node gives now, None for nothing: others may have been given devices since, when an extender took its time."""
    known: Knowledge = cycle.columns.notes[NAME]
    known.refresh(cycle.listers)
    held = cycle.columns.nodes[cycle.columns.rows[node]]
    try:
        return allocate(found.open, held, known.asking(cycle.listers), steps) if held is not None else None
    except CannotAllocate:
        return None


def scores(cycle: Cycle, found: Found, mask: Mask) -> Scores | None:
    """Return how good the alternatives are that each node would give; None when no claim has alternatives."""
    points = {row: given.points for row, given in found.given.items() if given.points and mask[row]}
    if not points:
        return None
    result = np.zeros(len(cycle.columns.nodes))
    for row, number in points.items():
        result[row] = number
    return result


def _mask(cycle: Cycle, rows: list[int]) -> Mask:
    mask = np.zeros_like(cycle.columns.present)
    mask[rows] = True
    return mask


def _reaches(claim: Obj, node: Obj) -> bool:
    selector = (allocation(claim) or {}).get("nodeSelector")
    return selector is None or any(term_matches(term, node) for term in selector.get("nodeSelectorTerms") or ())
