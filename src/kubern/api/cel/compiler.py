"""From text to something that can be run: the one entry of this package.

Called for the rules of custom resources, admission policies and match conditions. What always holds: a Program is immutable and may be
run many times, also from several evaluations at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubern.api.cel.calls import Frame
from kubern.api.cel.checker import check
from kubern.api.cel.environment import PER_CALL_LIMIT, Environment
from kubern.api.cel.errors import CelCostExceeded, CelEvaluationError
from kubern.api.cel.parser import parse
from kubern.api.cel.plan import plan
from kubern.api.cel.syntax import Node
from kubern.api.cel.types import Type


class Budget:
    """What several evaluations may still cost together."""

    def __init__(self, remaining: int) -> None:
        self.remaining = remaining


class Program:
    """A compiled expression. `type` is what it evaluates to; `root` its checked tree; `variables` those it may name."""

    def __init__(self, source: str, root: Node, slots: int, variables: Mapping[str, Type]) -> None:
        self.source = source
        self.root = root
        self.variables = variables
        self._slots = slots
        self._run = plan(root)

    @property
    def type(self) -> Type:
        """The static type of the result."""
        return self.root.type

    def evaluate(self, variables: Mapping[str, Any], budget: Budget | None = None, limit: int = PER_CALL_LIMIT) -> Any:
        """Return the expression's value. `variables` are JSON values (or this package's own); what it costs is taken off `budget`.

        Raises `CelEvaluationError` when it fails, `CelCostExceeded` when it costs more than `limit` or than is left.
        """
        frame = Frame(variables, self._slots, limit if budget is None else min(limit, max(budget.remaining, 0)))
        try:
            return self._run(frame)
        except RecursionError as error:
            raise CelEvaluationError("expression recursion limit exceeded") from error
        except OverflowError as error:
            raise CelEvaluationError("numeric overflow") from error
        except (TypeError, AttributeError) as error:
            # a value that is not of the type that the environment promised, as data stored before a schema became stricter
            raise CelEvaluationError("no such overload") from error
        finally:
            if budget is not None:
                budget.remaining -= frame.cost

    def cost(self, variables: Mapping[str, Any]) -> int:
        """Return what one evaluation costs, without a limit."""
        frame = Frame(variables, self._slots, 1 << 62)
        try:
            self._run(frame)
        except (CelEvaluationError, CelCostExceeded):
            pass
        return frame.cost


def compile(expression: str, environment: Environment) -> Program:
    """Return the program of an expression. Raises `CelError`, whose text is upstream's with the source line and a pointer."""
    root = parse(expression)
    slots = check(expression, root, environment)
    return Program(expression, root, slots, environment.variables)
