"""MutatingAdmissionPolicy: changes what is written as the cluster's own policies say, before any webhook is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubern.api.schema import NotDecodable
from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.apiserver.matching import matched_resource
from kubern.apiserver.mutation import Turns, take_over
from kubern.apiserver.policies.binding import Taken, taken
from kubern.base.errors import Invalid
from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.api.resource import Resource
    from kubern.apiserver.policies.compiled import Compiled


def mutate(attributes: Attributes) -> None:
    """Let every policy that is bound change the object, each seeing what those before it made. Raises `Invalid` when one fails closed."""
    core = attributes.core
    bound = core.policies.bound(core, "mutatingadmissionpolicies")
    if not bound or attributes.obj is None:
        return
    turns = Turns.of(attributes, "policies")
    for policy, bindings in bound:
        matched = matched_resource(policy.spec.get("matchConstraints") or {}, attributes)
        if matched is None:
            continue
        again = policy.spec.get("reinvocationPolicy") == "IfNeeded"
        for binding in taken(attributes, policy, bindings):
            if binding.problem:
                _fail(attributes, policy, binding, binding.problem)
            for number, param in enumerate(binding.params):
                turn = f"{policy.name}/{binding.name}/{number}"
                if turns.has(turn):
                    changed = _mutate(attributes, policy, matched, binding, param)
                    turns.took(turn, changed=changed, again=again)
    turns.end(attributes)


def _mutate(attributes: Attributes, policy: Compiled, matched: Resource, binding: Taken, param: Any) -> bool:
    """Make a policy's mutations with one parameter; returns whether the object is another one now."""
    from kubern.api.cel import RUNTIME_BUDGET, Budget
    from kubern.apiserver.policies.conditions import EvaluationFailed, all_hold

    budget = Budget(RUNTIME_BUDGET)
    changed = False
    try:
        if not all_hold(policy.conditions(), _known(attributes, policy, matched, param, budget), budget):
            return False
        for i, mutation in enumerate(policy.spec.get("mutations") or ()):
            changed |= _mutate_once(attributes, policy, matched, param, (i, mutation, budget))
    except (EvaluationFailed, NotDecodable) as error:
        _fail(attributes, policy, binding, str(error))
    return changed


def _mutate_once(attributes: Attributes, policy: Compiled, matched: Resource, param: Any, step: Any) -> bool:
    from kubern.apiserver.policies.conditions import EvaluationFailed
    from kubern.apiserver.policies.mutations import mutated

    index, mutation, budget = step
    kind = mutation.get("patchType") or ""
    path = f"spec.mutations[{index}].{kind[:1].lower() + kind[1:] if kind != 'JSONPatch' else 'jsonPatch'}.expression"
    program = policy.programs.at(path)
    if program is None:
        raise EvaluationFailed(policy.problem(path))
    known = _known(attributes, policy, matched, param, budget)
    shape = attributes.core.managing.shape(matched)
    new = mutated(program, kind, known["object"], known, budget, shape)
    return take_over(attributes, matched, new, "Strict" if kind == "ApplyConfiguration" else "Ignore")


def _known(attributes: Attributes, policy: Compiled, matched: Resource, param: Any, budget: Any) -> Obj:
    """Return what expressions may name, of the object as it is now."""
    from kubern.api.cel.admission import Variables
    from kubern.apiserver.policies.variables import request_variables

    variables = request_variables(attributes, matched) | {"params": param}
    return variables | {"variables": Variables(policy.programs.variables, variables, budget)}


def _fail(attributes: Attributes, policy: Compiled, binding: Taken, why: str) -> None:
    """Refuse the request unless the policy fails open."""
    if not policy.fails_closed:
        return
    text = f"policy '{policy.name}' with binding '{binding.name}' denied request: {why}"
    resource = attributes.resource
    said = refused(attributes, text).message
    raise Invalid(said, kind=resource.plural, group=resource.group, name=attributes.name)


ADMISSION = Admission(
    "MutatingAdmissionPolicy", 790, ("CREATE", "UPDATE", "CONNECT"), mutate=mutate, subresources=("*",)
)  # fmt: skip
