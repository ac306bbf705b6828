"""Policies compiled, kept until they change.

Held by `Core`; asked by the policies' plug-ins. What always holds: a policy is what the watch cache shows, so that it is in force the
moment its write is answered; nothing of CEL is imported before the first policy has a binding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.api.cel import Program
    from kubern.api.cel.admission import PolicyPrograms
    from kubern.apiserver.core import Core
    from kubern.apiserver.encoding import Entry

GROUP = "admissionregistration.k8s.io"


class Compiled(NamedTuple):
    """A policy at one revision."""

    name: str
    spec: Obj
    programs: PolicyPrograms
    revision: int

    @property
    def fails_closed(self) -> bool:
        """Whether what goes wrong refuses the request."""
        return self.spec.get("failurePolicy") != "Ignore"

    def conditions(self) -> list[Program]:
        """Return the match conditions."""
        count = len(self.spec.get("matchConditions") or ())
        return [found for i in range(count) if (found := self.programs.at(f"spec.matchConditions[{i}].expression"))]

    def problem(self, path: str) -> str:
        """Return why the expression at a path does not compile."""
        return next((problem.detail for problem in self.programs.problems if problem.path == path), "no expression")


class Bound(NamedTuple):
    """A policy with the bindings that turn it on."""

    policy: Compiled
    bindings: Sequence[Obj]


class CompiledPolicies:
    """The policies of both kinds, and which bindings each has."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], Compiled] = {}
        self._bound: dict[str, tuple[tuple[int, int], list[Bound]]] = {}

    def bound(self, core: Core, policies: str) -> list[Bound]:
        """Return the policies (`validatingadmissionpolicies` or the mutating ones) that have a binding, by name."""
        plural = f"{policies.removesuffix('ies')}ybindings"
        bindings = core.select(plural, group=GROUP)
        if not bindings:
            return []
        seen = (core.storage_of(policies, GROUP).cache.changed_at, core.storage_of(plural, GROUP).cache.changed_at)
        known = self._bound.get(policies)
        if known is None or known[0] != seen:
            known = self._bound[policies] = (seen, self._bind(core, policies, bindings))
        return known[1]

    def _bind(self, core: Core, policies: str, entries: Sequence[Entry]) -> list[Bound]:
        bindings: dict[str, list[Obj]] = {}
        for entry in entries:
            obj = entry.obj()
            bindings.setdefault((obj.get("spec") or {}).get("policyName") or "", []).append(obj)
        stored: Mapping[str, Entry] = {entry.name: entry for entry in core.select(policies, group=GROUP)}
        for gone in [key for key in self._compiled if key[0] == policies and key[1] not in stored]:
            del self._compiled[gone]
        return [
            Bound(self._compile(core, policies, stored[name]), bindings[name])
            for name in sorted(bindings)
            if name in stored
        ]

    def _compile(self, core: Core, policies: str, entry: Entry) -> Compiled:
        known = self._compiled.get((policies, entry.name))
        if known is None or known.revision != entry.revision:
            from kubern.api.cel.admission import PolicyPrograms

            begun = core.clock.monotonic()
            spec = entry.obj().get("spec") or {}
            known = Compiled(entry.name, spec, PolicyPrograms(spec), entry.revision)
            core.counts.compiled.observe((), core.clock.monotonic() - begun)
            self._compiled[policies, entry.name] = known
        return known
