"""ValidatingAdmissionPolicy status: says of each generation of a policy what in its expressions does not fit the kinds it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.client.informer import Key
from kubern.controllers.actions import Plan
from kubern.controllers.cache import Cache
from kubern.controllers.controller import Controller, Reconciler, Watch, always, itself
from kubern.controllers.resources import DEFINITIONS, VALIDATING_POLICIES


class Observed(NamedTuple):
    """A policy whose present generation has not been checked, and the definitions of custom resources."""

    policy: Obj
    definitions: Sequence[Obj]


WATCHES = (Watch(VALIDATING_POLICIES, itself), Watch(DEFINITIONS, always()))


def observe(key: Key, cache: Cache) -> Observed | None:
    """Return a policy that has to be checked."""
    policy = cache.at(VALIDATING_POLICIES, key)
    if policy is None:
        return None
    checked = (policy.get("status") or {}).get("observedGeneration") or 0
    return Observed(policy, cache.list(DEFINITIONS)) if policy["metadata"].get("generation", 1) > checked else None


def decide(observed: Observed, now: datetime) -> Plan:
    """Check the expressions and say what was found."""
    # a policy is rare, and CEL is large: it is imported when the first one is checked
    from kubern.api.cel.type_checking import expression_warnings
    from kubern.controllers.policy_kinds import Kinds

    spec, status = observed.policy.get("spec") or {}, observed.policy.get("status") or {}
    kinds = Kinds(observed.definitions)
    warnings = expression_warnings(spec, kinds.named(spec), kinds.params(spec))
    checking: Obj = {"expressionWarnings": warnings} if warnings else {}
    generation = observed.policy["metadata"].get("generation", 1)
    return Plan(status={**status, "observedGeneration": generation, "typeChecking": checking})


CONTROLLER = Controller(
    "validatingadmissionpolicy-status-controller",
    Reconciler(VALIDATING_POLICIES, WATCHES, observe, decide, "validatingadmissionpolicy-status-controller", workers=1),
    account="validatingadmissionpolicy-status-controller",
)
