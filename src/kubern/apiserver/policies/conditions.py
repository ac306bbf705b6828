"""Match conditions: expressions that must all hold for a webhook or policy to be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubern.api.cel import Budget, CelCostExceeded, CelEvaluationError, Program

OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"

NO_ERROR, COMPILE_ERROR, INVALID_ERROR, BUDGET_ERROR = "no_error", "compile_error", "invalid_error", "out_of_budget"


class EvaluationFailed(Exception):
    """Expressions that could not be evaluated: failurePolicy says what becomes of the request. `kind` is what metrics call it."""

    def __init__(self, message: str, kind: str = INVALID_ERROR) -> None:
        super().__init__(message)
        self.kind = kind


def value_of(program: Program, variables: Mapping[str, Any], budget: Budget) -> Any:
    """Return an expression's value. Raises `EvaluationFailed` in upstream's words."""
    try:
        return program.evaluate(variables, budget)
    except CelCostExceeded as error:
        why = OUT_OF_BUDGET if budget.remaining <= 0 else f"expression '{program.source}' resulted in error: {error}"
        raise EvaluationFailed(why, BUDGET_ERROR) from error
    except CelEvaluationError as error:
        raise EvaluationFailed(f"expression '{program.source}' resulted in error: {error}") from error


def all_hold(programs: Iterable[Program], variables: Mapping[str, Any], budget: Budget) -> bool:
    """Say whether every condition holds. One that does not decides, even beside one that fails. Raises `EvaluationFailed`."""
    failures: list[EvaluationFailed] = []
    for program in programs:
        try:
            if value_of(program, variables, budget) is not True:
                return False
        except EvaluationFailed as error:
            failures.append(error)
    if failures:
        texts = [str(failure) for failure in failures]
        raise EvaluationFailed(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]", failures[0].kind)
    return True
