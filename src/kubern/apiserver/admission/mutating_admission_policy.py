"""MutatingAdmissionPolicy: changes objects as the cluster's own policies say.

Asked after the plug-ins of our own and before the mutating webhooks; when a policy has changed an object, all of these run once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from kubern.api.schema import NotDecodable
from kubern.apiserver.admission_chain import Admission, Attributes
from kubern.apiserver.matching import matched_resource
from kubern.apiserver.mutation import Turns, take_over
from kubern.apiserver.policies.binding import Taken, taken
from kubern.base.errors import Cause, Forbidden, InternalError

if TYPE_CHECKING:
    from kubern.api.resource import Resource
    from kubern.apiserver.policies.compiled import Bound, Compiled
    from kubern.base.json import Obj


class Invocation(NamedTuple):
    """A policy as one of its bindings has it. `matched`: the version that it asks to see the request in."""

    policy: Compiled
    matched: Resource
    binding: Taken


class Failure(NamedTuple):
    """A policy that could not be carried out, and fails closed."""

    text: str
    reason: str = "Invalid"


def mutate(attributes: Attributes) -> None:
    """Let every policy that is bound change the object. Raises `Forbidden` for those that fail, `InternalError` for spoiled objects."""
    core = attributes.core
    bound = core.policies.bound(core, "mutatingadmissionpolicies")
    if bound and attributes.obj is not None:
        _mutate(attributes, bound)


def _mutate(attributes: Attributes, bound: list[Bound]) -> None:
    turns = Turns.of(attributes, "policies")
    failures: list[Failure] = []
    # what concerns a request is settled by the object as it came: no policy can hide it from another
    for invocation in list(_invocations(attributes, bound)):
        policy, _, binding = invocation
        if binding.problem:
            failures += Evaluation(attributes, invocation, None).failed(binding.problem, "Forbidden")
        for param in binding.params:
            turn = _turn(policy.name, binding.name, param)
            evaluation = Evaluation(attributes, invocation, param)
            if evaluation.concerned() and turns.has(turn):
                again = policy.spec.get("reinvocationPolicy") == "IfNeeded"
                turns.took(turn, changed=evaluation.run(), again=again)
            failures += evaluation.failures
    turns.end(attributes)
    if failures:
        raise _refusal(attributes, failures)


def _invocations(attributes: Attributes, bound: list[Bound]) -> Iterator[Invocation]:
    for policy, bindings in bound:
        matched = matched_resource(policy.spec.get("matchConstraints") or {}, attributes)
        if matched is not None:
            for binding in taken(attributes, policy, bindings):
                yield Invocation(policy, matched, binding)


def _turn(policy: str, binding: str, param: Obj | None) -> str:
    metadata = (param or {}).get("metadata") or {}
    return f"{policy}/{binding}/{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"


class Evaluation:
    """One policy at work on a request. `failures` says what went wrong, unless the policy fails open."""

    def __init__(self, attributes: Attributes, invocation: Invocation, param: Obj | None) -> None:
        self._attributes, self._invocation, self._param = attributes, invocation, param
        self._known: Obj | None = None
        self.failures: list[Failure] = []

    def failed(self, why: str, reason: str = "Invalid") -> list[Failure]:
        """Take down a failure; returns all of them."""
        policy = self._invocation.policy
        if policy.fails_closed:
            said = f"policy '{policy.name}' with binding '{self._invocation.binding.name}' denied request: {why}"
            self.failures.append(Failure(said, reason))
        return self.failures

    def concerned(self) -> bool:
        """Say whether the match conditions hold."""
        from kubern.api.cel import RUNTIME_BUDGET, Budget
        from kubern.apiserver.policies.conditions import EvaluationFailed, all_hold

        conditions = self._invocation.policy.conditions()
        budget = Budget(RUNTIME_BUDGET)
        try:
            return not conditions or all_hold(conditions, self._variables(budget), budget)
        except EvaluationFailed as error:
            self.failed(str(error))
            return False

    def run(self) -> bool:
        """Make every mutation; returns whether the object is another one now. One that fails does not keep the others from it."""
        from kubern.apiserver.policies.conditions import INVALID_ERROR, NO_ERROR, EvaluationFailed
        from kubern.apiserver.policies.mutations import Mutation, MutationFailed

        changed = False
        policy, core = self._invocation.policy, self._attributes.core
        for index, mutation in enumerate(policy.spec.get("mutations") or ()):
            begun, outcome = core.clock.monotonic(), INVALID_ERROR
            try:
                changed |= self._one(Mutation(policy, index, mutation))
                outcome = NO_ERROR
            except (EvaluationFailed, MutationFailed) as error:
                self.failed(str(error))
                outcome = error.kind
            finally:
                seconds = core.clock.monotonic() - begun
                core.counts.mutations.observe((policy.name, self._invocation.binding.name, outcome), seconds)
        return changed

    def _one(self, mutation: Any) -> bool:
        from kubern.api.cel import RUNTIME_BUDGET, Budget
        from kubern.apiserver.policies.conditions import value_of

        budget = Budget(RUNTIME_BUDGET)
        variables = self._variables(budget)
        value = value_of(mutation.program, variables, budget)
        attributes, matched = self._attributes, self._invocation.matched
        new = mutation.apply(value, variables["object"], attributes, matched)
        strict = mutation.strict and matched.structural is None
        try:
            return new is not None and take_over(attributes, matched, new, "Strict" if strict else "Ignore")
        except NotDecodable as error:
            raise InternalError(f"Internal error occurred: {error.detail}") from error

    def _variables(self, budget: Any) -> Obj:
        """Return what expressions see; the object as it is by now."""
        from kubern.api.cel.admission import Variables
        from kubern.apiserver.policies.variables import request_variables, served

        policy, matched, _ = self._invocation
        if self._known is None:
            self._known = request_variables(self._attributes, matched) | {"params": self._param}
        known = self._known | {"object": served(self._attributes, self._attributes.obj, matched)}
        return known | {"variables": Variables(policy.programs.variables, known, budget)}


def _refusal(attributes: Attributes, failures: list[Failure]) -> Forbidden:
    resource = attributes.resource
    error = Forbidden(
        failures[0].text,
        kind=resource.plural,
        group=resource.group,
        name=attributes.name,
        causes=[Cause("", failure.text) for failure in failures],
    )
    error.reason = failures[0].reason  # the code stays that of a refusal, as upstream has it
    return error


ADMISSION = Admission(
    "MutatingAdmissionPolicy", 790, ("CREATE", "UPDATE", "CONNECT"), mutate=mutate, subresources=("*",)
)
