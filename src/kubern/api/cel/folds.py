"""How the macros that walk a list or map run.

`plan_fold` is called by `plan`. Each kind is one function over the walk; prices are those of upstream's expansions, which keep the
result in a variable that they read, test and join in each round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubern.api.cel.calls import NO_OVERLOAD, Closure, Frame
from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.syntax import Fold
from kubern.api.cel.values import type_name


def plan_fold(node: Fold, over: Closure, where: Closure | None, body: Closure) -> Closure:
    """Return the closure of a macro whose parts have been planned."""
    run = _KINDS[node.kind]
    slots = node.slots

    def fold(frame: Frame) -> Any:
        return run(frame, _walk(frame, over(frame), slots), where, body)

    return fold


def _walk(frame: Frame, value: Any, slots: tuple[int, ...]) -> Iterator[Any]:
    """Set the macro's variables for each item in turn, and yield the first of them."""
    first, second = slots[0], slots[1] if len(slots) == 2 else None
    if isinstance(value, list):
        pairs: Any = enumerate(value)
        single = 1
    elif isinstance(value, Mapping):
        pairs = value.items()
        single = 0
    else:
        raise CelEvaluationError(f"got '{type_name(value)}', expected iterable type")
    keep = frame.slots
    for pair in pairs:
        if second is None:
            keep[first] = pair[single]
        else:
            keep[first], keep[second] = pair
        yield keep[first]


_Walk = Iterator[Any]


def _true(value: Any) -> bool:
    if type(value) is not bool:
        raise CelEvaluationError(NO_OVERLOAD)
    return value


def _quantifier(stop: bool, price: int) -> Callable[[Frame, _Walk, Closure | None, Closure], bool]:
    """Return `all` (which ends at false) or `exists`. An error counts only when no item decides."""

    def run(frame: Frame, walk: _Walk, _where: Closure | None, body: Closure) -> bool:
        failure: CelEvaluationError | None = None
        for _ in walk:
            frame.spend(price)
            try:
                if _true(body(frame)) is stop:
                    return stop
            except CelEvaluationError as error:
                failure = failure or error
        frame.spend(1)
        if failure:
            raise failure
        return not stop

    return run


def _exists_one(frame: Frame, walk: _Walk, _where: Closure | None, body: Closure) -> bool:
    count = 0
    for _ in walk:
        if _true(body(frame)):
            count += 1
            frame.spend(2)
        else:
            frame.spend(1)
    frame.spend(2)
    return count == 1


def _filter(frame: Frame, walk: _Walk, where: Closure | None, _body: Closure) -> list[Any]:
    kept = []
    frame.spend(11)
    for item in _chosen(frame, walk, where):
        frame.spend(12)
        kept.append(item)
    return kept


def _list(frame: Frame, walk: _Walk, where: Closure | None, body: Closure) -> list[Any]:
    frame.spend(11)
    made = []
    for _ in _chosen(frame, walk, where):
        frame.spend(12)
        made.append(body(frame))
    return made


def _map(frame: Frame, walk: _Walk, where: Closure | None, body: Closure) -> dict[Any, Any]:
    frame.spend(31)
    made = {}
    for key in _chosen(frame, walk, where):
        frame.spend(32)
        made[key] = body(frame)
    return made


def _entries(frame: Frame, walk: _Walk, where: Closure | None, body: Closure) -> dict[Any, Any]:
    frame.spend(31)
    made: dict[Any, Any] = {}
    for _ in _chosen(frame, walk, where):
        frame.spend(2)
        entry = body(frame)
        if not isinstance(entry, Mapping):
            raise CelEvaluationError(NO_OVERLOAD)
        for key, value in entry.items():
            if key in made:
                raise CelEvaluationError(f"insert failed: key {key} already exists")
            made[key] = value
    return made


def _chosen(frame: Frame, walk: _Walk, where: Closure | None) -> _Walk:
    for item in walk:
        if where is None or _true(where(frame)):
            yield item
        else:
            frame.spend(1)


_KINDS: dict[str, Callable[[Frame, _Walk, Closure | None, Closure], Any]] = {
    "all": _quantifier(stop=False, price=3), "exists": _quantifier(stop=True, price=4), "existsOne": _exists_one,
    "filter": _filter, "map": _list, "transformList": _list, "transformMap": _map, "transformMapEntry": _entries,
}  # fmt: skip
