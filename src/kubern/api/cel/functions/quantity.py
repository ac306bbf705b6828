"""Kubernetes' quantities: `quantity('1.5Gi')` and what can be asked of one."""

from __future__ import annotations

from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.library import Library, overloads, walk
from kubern.api.cel.values import INT_MAX, INT_MIN
from kubern.base.quantity import NANO, from_value, parse
from kubern.base.quantity import Quantity as Amount


class Quantity:
    """A quantity as a value of an expression."""

    __slots__ = ("amount",)
    type_name = "kubernetes.Quantity"

    def __init__(self, amount: Amount) -> None:
        self.amount = amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.amount.nano == other.amount.nano

    def __hash__(self) -> int:
        return hash(self.amount.nano)


def _read(text: str) -> Quantity:
    try:
        return Quantity(parse(text))
    except ValueError as error:
        raise CelEvaluationError(str(error)) from error


def _is(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _is_integer(value: Quantity) -> bool:
    return value.amount.nano % NANO == 0 and INT_MIN <= value.amount.nano // NANO <= INT_MAX


def _as_integer(value: Quantity) -> int:
    if not _is_integer(value):
        raise CelEvaluationError("cannot convert value to integer")
    return value.amount.nano // NANO


def _compare(a: Quantity, b: Quantity) -> int:
    return (a.amount.nano > b.amount.nano) - (a.amount.nano < b.amount.nano)


def _add(a: Quantity, b: Quantity) -> Quantity:
    return Quantity(a.amount + b.amount)


def _subtract(a: Quantity, b: Quantity) -> Quantity:
    return Quantity(a.amount - b.amount)


_Q = "kubernetes.Quantity"

LIBRARY = Library(
    "quantity",
    (
        *overloads({f"quantity(string): {_Q}": _read, "isQuantity(string): bool": _is}, walk),
        *overloads(
            {
                f"{_Q}.sign(): int": lambda value: (value.amount.nano > 0) - (value.amount.nano < 0),
                f"{_Q}.isInteger(): bool": _is_integer,
                f"{_Q}.asInteger(): int": _as_integer,
                f"{_Q}.asApproximateFloat(): double": lambda value: float(value.amount),
                f"{_Q}.isGreaterThan({_Q}): bool": lambda a, b: _compare(a, b) > 0,
                f"{_Q}.isLessThan({_Q}): bool": lambda a, b: _compare(a, b) < 0,
                f"{_Q}.compareTo({_Q}): int": _compare,
                f"{_Q}.add({_Q}): {_Q}": _add,
                f"{_Q}.add(int): {_Q}": lambda a, b: _add(a, Quantity(from_value(b))),
                f"{_Q}.sub({_Q}): {_Q}": _subtract,
                f"{_Q}.sub(int): {_Q}": lambda a, b: _subtract(a, Quantity(from_value(b))),
            }
        ),
    ),
)
