"""A webhook's matchConditions: CEL expressions that a request has to meet before the webhook is asked.

What always holds: CEL is imported when the first condition is looked at, never at start. A condition that is false settles the matter,
whatever errors others have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.api.cel import Program

VARIABLES = ("object", "oldObject", "request")


class ConditionFailed(Exception):
    """Conditions could not be evaluated and none is false."""


class Conditions:
    """The conditions of one webhook, compiled when first needed."""

    def __init__(self, conditions: Sequence[Obj]) -> None:
        self._conditions = conditions
        self._compiled: list[Callable[[Obj, Any], bool]] | None = None

    def __bool__(self) -> bool:
        return bool(self._conditions)

    def met(self, variables: Obj) -> bool:
        """Whether all conditions hold for `object`, `oldObject` and `request`. Raises `ConditionFailed`."""
        from kubern.api.cel import RUNTIME_BUDGET, Budget

        if self._compiled is None:
            self._compiled = [_compiled(condition) for condition in self._conditions]
        budget, errors = Budget(RUNTIME_BUDGET), []
        for condition in self._compiled:
            try:
                if not condition(variables, budget):
                    return False
            except ConditionFailed as error:
                errors.append(str(error))
        if errors:
            raise ConditionFailed(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")
        return True


def _compiled(condition: Obj) -> Callable[[Obj, Any], bool]:
    from kubern.api.cel import CelCostExceeded, CelError, CelEvaluationError

    expression = condition["expression"]
    program: Program | None
    try:
        program, fault = compiled(expression), ""
    except CelError as error:
        program, fault = None, f"compilation error: {error}"

    def evaluate(variables: Obj, budget: Any) -> bool:
        if program is None:
            raise ConditionFailed(fault)
        try:
            return program.evaluate(variables, budget) is True
        except CelCostExceeded as error:
            raise ConditionFailed("validation failed due to running out of cost budget") from error
        except CelEvaluationError as error:
            raise ConditionFailed(f"expression '{expression}' resulted in error: {error}") from error

    return evaluate


def compiled(expression: str) -> Program:
    """Compile a condition. Raises `kubern.api.cel.CelError`."""
    from kubern.api.cel import Environment, compile
    from kubern.api.cel.types import DYN

    return compile(expression, Environment(dict.fromkeys(VARIABLES, DYN)))
