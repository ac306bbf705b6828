"""The scheduling framework: what a plug-in is. The extension points and their names are upstream's; a filter or a score answers
for all nodes at once, as an array with one entry a row of `Columns`.

A plug-in is one file in `plugins/` that exports PLUGIN. A user's own is found through the entry point group
`kubern.scheduler.plugins`. Source: the Kubernetes documentation, "Scheduling Framework".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kubern.base.json import Obj
from kubern.scheduler.columns import Columns, Mask
from kubern.scheduler.requests import PodRequests

Scores = npt.NDArray[np.float64]
MAX_SCORE = 100.0


class Cycle(NamedTuple):
    """One scheduling cycle: the pod, what it asks for, and the nodes."""

    pod: Obj
    requests: PodRequests
    columns: Columns


class Refusal(NamedTuple):
    """Some nodes refused for one reason. `lasting`: no other pod's end would change it (preemption cannot help)."""

    nodes: Mask
    reason: str
    lasting: bool = False


Filter = Callable[[Cycle], list[Refusal]]
"""Returns who is refused and why; several refusals may name the same node (all that it lacks)."""

Score = Callable[[Cycle, Mask], Scores]
"""Returns a score per node, any scale; only the nodes of the mask count."""

Normalize = Callable[[Scores, Mask], Scores]
"""Brings scores to 0 … 100."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One scheduling plug-in: the extension points it takes part in, and the changes that may turn its refusal.

    `events` names what wakes a pod that it refused: `Node/Add`, `Node/Label`, `Node/Taint`, `Node/Allocatable`, `Pod/Delete`, `Pod/Add`.
    """

    name: str
    weight: int = 1
    pre_enqueue: Callable[[Obj], str] | None = None
    """Returns why a pod may not be tried at all yet, empty when it may."""
    filter: Filter | None = None
    score: Score | None = None
    normalize: Normalize | None = None
    events: frozenset[str] = frozenset()


def scaled(scores: Scores, mask: Mask) -> Scores:
    """Bring scores to 0 … 100 by the largest one: upstream's default normalization."""
    top = float(scores[mask].max(initial=0.0))
    return scores * (MAX_SCORE / top) if top > 0 else np.zeros_like(scores)


def reversed_scale(scores: Scores, mask: Mask) -> Scores:
    """Bring scores to 100 … 0: the largest one is the worst."""
    return MAX_SCORE - scaled(scores, mask)
