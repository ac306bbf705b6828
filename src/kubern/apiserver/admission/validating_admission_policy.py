"""ValidatingAdmissionPolicy: refuses or warns of what the cluster's own policies object to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from kubern.apiserver.admission_chain import Admission, Attributes
from kubern.apiserver.audit.record import annotate
from kubern.apiserver.matching import matched_resource
from kubern.apiserver.policies.binding import taken
from kubern.base.errors import Cause, Forbidden, Invalid, RequestEntityTooLarge, StatusError, Unauthorized
from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.api.cel import Budget
    from kubern.api.resource import Resource
    from kubern.apiserver.counts import Counts
    from kubern.apiserver.policies.compiled import Compiled

_REASONS: dict[str, type[StatusError]] = {
    "Forbidden": Forbidden,
    "Invalid": Invalid,
    "RequestEntityTooLarge": RequestEntityTooLarge,
    "Unauthorized": Unauthorized,
}
_DENY = ("Deny",)
_LONGEST_MESSAGE = 5120
_LONGEST_ANNOTATION = 10 * 1024
_FAILURE = "validation.policy.admission.k8s.io/validation_failure"


class Objection(NamedTuple):
    """What a policy says against a request, and what its binding makes of that."""

    policy: str
    binding: str
    message: str
    reason: str = "Invalid"
    actions: tuple[str, ...] = _DENY
    number: int = 0
    """Which of the policy's validations said it."""

    def noted(self) -> Obj:
        """Return the objection as the audit log has it."""
        return {
            "message": self.message, "policy": self.policy, "binding": self.binding, "expressionIndex": self.number,
            "validationActions": list(self.actions),
        }  # fmt: skip


class Finding(NamedTuple):
    """A validation that does not hold (`error` is `no_error` then), or that could not be evaluated, after some seconds."""

    number: int
    message: str
    reason: str = "Invalid"
    error: str = "no_error"
    seconds: float = 0.0


def check(attributes: Attributes) -> None:
    """Ask every policy that is bound. Raises the first refusal; warnings go to the request's."""
    core = attributes.core
    bound = core.policies.bound(core, "validatingadmissionpolicies")
    if not bound:
        return
    denied: Objection | None = None
    noted: list[Obj] = []
    for policy, bindings in bound:
        matched = matched_resource(policy.spec.get("matchConstraints") or {}, attributes)
        for objection in _objections(attributes, policy, matched, bindings) if matched else ():
            if "Warn" in objection.actions and attributes.warnings is not None:
                attributes.warnings.append(
                    f"Validation failed for ValidatingAdmissionPolicy '{objection.policy}' with binding '{objection.binding}': "
                    f"{objection.message}"
                )
            if "Deny" in objection.actions and denied is None:
                denied = objection
            if "Audit" in objection.actions:
                noted.append(objection.noted())
    if noted:
        annotate(_FAILURE, orjson.dumps(noted).decode())
    if denied is not None:
        raise _refusal(attributes, denied)


def _objections(attributes: Attributes, policy: Compiled, matched: Resource, bindings: Any) -> Iterator[Objection]:
    variables: dict[str, Any] | None = None
    for binding in taken(attributes, policy, bindings):
        actions = tuple(binding.spec.get("validationActions") or ())
        if binding.problem and policy.fails_closed:
            yield Objection(policy.name, binding.name, binding.problem)
        for param in binding.params:
            if variables is None:
                from kubern.apiserver.policies.variables import request_variables

                variables = request_variables(attributes, matched)
            for found in _timed(attributes, _evaluate(policy, variables | {"params": param})):
                if found.error != "no_error" and not policy.fails_closed:
                    labels = (policy.name, binding.name, found.error, "allow")
                    attributes.core.counts.validations.observe(labels, found.seconds)
                    continue
                objection = Objection(policy.name, binding.name, found.message, found.reason, actions, found.number)
                _count(attributes.core.counts, objection, found)
                yield objection


def _count(counts: Counts, objection: Objection, found: Finding) -> None:
    for action in objection.actions:
        labels = (objection.policy, objection.binding, found.error, action.lower())
        counts.validations.observe(labels, found.seconds)


def _timed(attributes: Attributes, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings with how long each took to find."""
    seconds = attributes.core.clock.monotonic
    begun = seconds()
    for finding in findings:
        yield finding._replace(seconds=seconds() - begun)
        begun = seconds()


def _evaluate(policy: Compiled, variables: dict[str, Any]) -> Iterator[Finding]:
    """Yield each validation that does not hold, or that fails."""
    from kubern.api.cel import RUNTIME_BUDGET, Budget
    from kubern.api.cel.admission import Variables
    from kubern.apiserver.policies.conditions import COMPILE_ERROR, EvaluationFailed, all_hold, value_of

    budget = Budget(RUNTIME_BUDGET)
    known = variables | {"variables": Variables(policy.programs.variables, variables, budget)}
    try:
        if not all_hold(policy.conditions(), known, budget):
            return
    except EvaluationFailed as error:
        yield Finding(0, str(error), error=error.kind)
        return
    for i, validation in enumerate(policy.spec.get("validations") or ()):
        program = policy.programs.at(f"spec.validations[{i}].expression")
        try:
            if program is None:
                raise EvaluationFailed(policy.problem(f"spec.validations[{i}].expression"), COMPILE_ERROR)
            holds = value_of(program, known, budget) is True
        except EvaluationFailed as error:
            yield Finding(i, str(error), error=error.kind)
            continue
        if not holds:
            yield Finding(i, _message(policy, i, validation, known, budget), validation.get("reason") or "Invalid")
    for i, annotation in enumerate(policy.spec.get("auditAnnotations") or ()):
        yield from _annotated(policy, i, annotation, known, budget)


def _annotated(
    policy: Compiled, index: int, annotation: Obj, known: dict[str, Any], budget: Budget
) -> Iterator[Finding]:  # fmt: skip
    """Write a policy's annotation into the audit log; yields what is wrong with it in a policy that fails closed."""
    from kubern.apiserver.policies.conditions import COMPILE_ERROR, EvaluationFailed, value_of

    path = f"spec.auditAnnotations[{index}].valueExpression"
    program = policy.programs.at(path)
    try:
        if program is None:
            raise EvaluationFailed(policy.problem(path), COMPILE_ERROR)
        value = value_of(program, known, budget)
    except EvaluationFailed as error:
        if policy.fails_closed:
            yield Finding(index, str(error), error=error.kind)
        return
    said = str(value).strip() if value is not None else ""
    if said:
        annotate(f"{policy.name}/{annotation.get('key')}", said[:_LONGEST_ANNOTATION])


def _message(policy: Compiled, index: int, validation: Obj, known: dict[str, Any], budget: Budget) -> str:
    """Return what a validation says: its expression's text if that is usable, its own, or the expression itself."""
    from kubern.apiserver.policies.conditions import EvaluationFailed, value_of

    program = policy.programs.at(f"spec.validations[{index}].messageExpression")
    if program is not None:
        try:
            said = str(value_of(program, known, budget)).strip()
        except EvaluationFailed:
            said = ""
        if said and "\n" not in said and len(said.encode()) <= _LONGEST_MESSAGE:
            return said
    given = str(validation.get("message") or "").strip()
    return given or f"failed expression: {str(validation.get('expression')).strip()}"


def _refusal(attributes: Attributes, objection: Objection) -> StatusError:
    resource = attributes.resource
    binding = f" with binding '{objection.binding}'" if objection.binding else ""
    said = f"ValidatingAdmissionPolicy '{objection.policy}'{binding} denied request: {objection.message}"
    kind = _REASONS.get(objection.reason, Invalid)
    return kind(
        f'{resource.group_resource} "{attributes.name}" is forbidden: {said}',
        kind=resource.plural,
        group=resource.group,
        name=attributes.name,
        causes=[Cause("", said)],
    )


ADMISSION = Admission(
    "ValidatingAdmissionPolicy", 970, ("CREATE", "UPDATE", "DELETE", "CONNECT"), validate=check, subresources=("*",)
)  # fmt: skip
