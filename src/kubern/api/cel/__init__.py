"""CEL, the Common Expression Language, as Kubernetes uses it. Import lazily: nothing here is needed before the first expression."""

from kubern.api.cel.compiler import Budget, Program, compile
from kubern.api.cel.environment import PER_CALL_LIMIT, RUNTIME_BUDGET, Environment
from kubern.api.cel.errors import CelCostExceeded, CelError, CelEvaluationError

__all__ = [
    "PER_CALL_LIMIT",
    "RUNTIME_BUDGET",
    "Budget",
    "CelCostExceeded",
    "CelError",
    "CelEvaluationError",
    "Environment",
    "Program",
    "compile",
]
