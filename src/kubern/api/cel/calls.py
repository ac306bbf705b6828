"""How calls run: the operators that do not evaluate all their arguments, and choosing an overload by the values' types.

`plan_call` is called by `plan`. What always holds: where the types are known when an expression is compiled nothing is looked up when it
runs; where they are not, the values choose, and `no such overload` is the answer when none fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubern.api.cel.errors import CelCostExceeded, CelEvaluationError
from kubern.api.cel.library import Overload
from kubern.api.cel.syntax import Call
from kubern.api.cel.types import Type
from kubern.api.cel.values import Optional, type_name

NO_OVERLOAD = "no such overload"


class Frame:
    """One evaluation: the variables, the macros' own, and what has been spent of what may be."""

    __slots__ = ("converted", "cost", "limit", "slots", "variables")

    def __init__(self, variables: Mapping[str, Any], slots: int, limit: int) -> None:
        self.variables = variables
        self.converted: dict[str, Any] = {}
        self.slots: list[Any] = [None] * slots
        self.cost = 0
        self.limit = limit

    def spend(self, amount: int) -> None:
        """Count cost. Raises `CelCostExceeded` behind the limit."""
        self.cost += amount
        if self.cost > self.limit:
            raise CelCostExceeded


Closure = Callable[[Frame], Any]


def plan_call(node: Call, args: list[Closure]) -> Closure:
    """Return the closure of a call whose target and arguments have been planned."""
    lazy = _LAZY.get(node.function)
    if lazy is not None:
        return lazy(args)
    known = [child.type for child in node.children()]
    if len(node.chosen) == 1 and not any(map(_open, known)):
        return _direct(node.chosen[0], args)
    return _dispatched(node, args)


def _open(kind: Type) -> bool:
    return kind.name == "dyn"


def _direct(overload: Overload, args: list[Closure]) -> Closure:
    run, cost = overload.run, overload.cost
    if len(args) == 2 and cost is None:
        left, right = args

        def binary(frame: Frame) -> Any:
            a, b = left(frame), right(frame)
            frame.spend(1)
            return run(a, b)

        return binary

    def call(frame: Frame) -> Any:
        given = [arg(frame) for arg in args]
        return _run(frame, run, cost, given)

    return call


def _run(frame: Frame, run: Callable[..., Any], cost: Any, given: Sequence[Any]) -> Any:
    if cost is None:
        frame.spend(1)
        return run(*given)
    # the price is asked before the work where it does not depend on the result
    price = cost(given, None)
    frame.spend(price)
    result = run(*given)
    frame.spend(max(cost(given, result) - price, 0))
    return result


def _dispatched(node: Call, args: list[Closure]) -> Closure:
    choices = [(tuple(map(_accepts, overload.params)), overload) for overload in node.chosen]

    def call(frame: Frame) -> Any:
        given = [arg(frame) for arg in args]
        for accepts, overload in choices:
            if all(accept is None or accept(value) for accept, value in zip(accepts, given, strict=True)):
                return _run(frame, overload.run, overload.cost, given)
        raise CelEvaluationError(NO_OVERLOAD)

    return call


def _accepts(kind: Type) -> Callable[[Any], bool] | None:
    """Return the test whether a value may be an argument of a type; None: any may."""
    if kind.variable or kind.name == "dyn":
        return None
    if kind.name == "list":
        return lambda value: isinstance(value, list)
    if kind.name == "map":
        return lambda value: isinstance(value, Mapping)
    if kind.name == "optional_type":
        return lambda value: isinstance(value, Optional)
    name = kind.name
    return lambda value: type_name(value) == name


def _and(args: list[Closure]) -> Closure:
    return _logical(args, stop=False)


def _or(args: list[Closure]) -> Closure:
    return _logical(args, stop=True)


def _logical(args: list[Closure], *, stop: bool) -> Closure:
    """Return `&&` (which ends at false) or `||`. An error counts only when no other term decides."""

    def logical(frame: Frame) -> Any:
        failure: CelEvaluationError | None = None
        for arg in args:
            try:
                value = arg(frame)
            except CelEvaluationError as error:
                failure = failure or error
                continue
            if value is stop:
                return stop
            if type(value) is not bool:
                failure = failure or CelEvaluationError(NO_OVERLOAD)
        if failure:
            raise failure
        return not stop

    return logical


def _conditional(args: list[Closure]) -> Closure:
    condition, yes, no = args

    def conditional(frame: Frame) -> Any:
        value = condition(frame)
        if value is True:
            return yes(frame)
        if value is False:
            return no(frame)
        raise CelEvaluationError(NO_OVERLOAD)

    return conditional


def _or_value(args: list[Closure]) -> Closure:
    return _alternative(args, unwrap=True)


def _or_optional(args: list[Closure]) -> Closure:
    return _alternative(args, unwrap=False)


def _alternative(args: list[Closure], *, unwrap: bool) -> Closure:
    first, second = args

    def alternative(frame: Frame) -> Any:
        value = first(frame)
        if not isinstance(value, Optional):
            raise CelEvaluationError(NO_OVERLOAD)
        frame.spend(1)
        if value.present:
            return value.value if unwrap else value
        return second(frame)

    return alternative


_LAZY: dict[str, Callable[[list[Closure]], Closure]] = {
    "_&&_": _and, "_||_": _or, "_?_:_": _conditional, "orValue": _or_value, "or": _or_optional,
}  # fmt: skip
