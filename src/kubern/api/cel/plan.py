"""From a checked tree to nested Python closures, which is what an evaluation runs.

`plan` is called by `compiler` once an expression. Every closure takes a Frame and returns a value; it counts its cost as it goes, and
raises CelEvaluationError, or CelCostExceeded, which nothing absorbs. Costs are upstream's: a name or field 1, a list 10, a map 30,
an object 40, a call what its overload says; a macro costs what its expansion in upstream's language would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubern.api.cel.calls import Closure, Frame, plan_call
from kubern.api.cel.errors import CelCostExceeded, CelEvaluationError
from kubern.api.cel.folds import plan_fold
from kubern.api.cel.syntax import Bind, Call, Fold, Ident, ListLiteral, Literal, MapLiteral, Node, ObjectLiteral, Select
from kubern.api.cel.types import Type
from kubern.api.cel.values import NONE, ObjectValue, Optional, equal, type_name

_MISSING = object()


def plan(node: Node) -> Closure:
    """Return the closure that evaluates a node."""
    return _PLANS[type(node)](node)


def _literal(node: Literal) -> Closure:
    value = node.value
    return lambda frame: value


def _ident(node: Ident) -> Closure:
    if node.constant is not None:
        constant = node.constant
        return lambda frame: constant
    if node.slot is not None:
        return _slot(node.slot)
    name, convert = node.name, _converter(node.type)

    def variable(frame: Frame) -> Any:
        frame.spend(1)
        value = frame.variables.get(name, _MISSING)
        if value is _MISSING:
            raise CelEvaluationError(f"no such attribute(s): {name}")
        return value

    def converted(frame: Frame) -> Any:
        # a variable that needs converting is converted once an evaluation, however often it is named
        frame.spend(1)
        value = frame.converted.get(name, _MISSING)
        if value is _MISSING:
            if name not in frame.variables:
                raise CelEvaluationError(f"no such attribute(s): {name}")
            value = frame.converted[name] = convert(frame.variables[name]) if convert else None
        return value

    return converted if convert else variable


def _converter(kind: Type) -> Callable[[Any], Any] | None:
    return kind.convert


def _slot(slot: int) -> Closure:
    def local(frame: Frame) -> Any:
        frame.spend(1)
        return frame.slots[slot]

    return local


def _select(node: Select) -> Closure:
    if node.whole is not None:
        return _ident_of(node)
    operand, key = plan(node.operand), node.key
    if node.test:
        return lambda frame: _present(operand(frame), key)
    if node.optional or node.operand.type.name == "optional_type":
        return lambda frame: _optional_field(frame, operand(frame), key)

    def select(frame: Frame) -> Any:
        value = operand(frame)
        if (spent := frame.cost + 1) > frame.limit:
            raise CelCostExceeded
        frame.cost = spent
        if isinstance(value, Mapping):
            found = value.get(key, _MISSING)
            if found is not _MISSING:
                return found
        return _missed(frame, value, key)

    return select


def _ident_of(node: Select) -> Closure:
    whole = node.whole
    if whole is None:
        raise LookupError(node.field)
    whole.type = node.type
    return _ident(whole)


def _missed(frame: Frame, value: Any, key: str) -> Any:
    if isinstance(value, Optional):
        return _optional_field(frame, value, key)
    if isinstance(value, Mapping):
        raise CelEvaluationError(f"no such key: {key}")
    raise CelEvaluationError(
        f"unsupported field selection on {type_name(value)}" if value is not None else f"no such key: {key}"
    )


def _present(value: Any, key: str) -> bool:
    if isinstance(value, Optional):
        return value.present and _present(value.value, key)
    if not isinstance(value, Mapping):
        raise CelEvaluationError(
            f"invalid type for field selection: {type_name(value)}" if value is not None else f"no such key: {key}"
        )
    return value.get(key, _MISSING) is not _MISSING


def _optional_field(frame: Frame, value: Any, key: str) -> Optional:
    frame.spend(1)
    if isinstance(value, Optional):
        if not value.present:
            return NONE
        value = value.value
    if not isinstance(value, Mapping):
        raise CelEvaluationError(f"invalid type for field selection: {type_name(value)}")
    found = value.get(key, _MISSING)
    return NONE if found is _MISSING else found if isinstance(found, Optional) else Optional(found)


def _list(node: ListLiteral) -> Closure:
    items, optional = [plan(item) for item in node.items], node.optional

    def build(frame: Frame) -> Any:
        frame.spend(10)
        if not optional:
            return [item(frame) for item in items]
        made = []
        for i, item in enumerate(items):
            value = item(frame)
            if i not in optional:
                made.append(value)
            elif _as_optional(value).present:
                made.append(value.value)
        return made

    return build


def _as_optional(value: Any) -> Optional:
    if not isinstance(value, Optional):
        raise CelEvaluationError(f"cannot initialize optional list element from non-optional value {type_name(value)}")
    return value


def _map(node: MapLiteral) -> Closure:
    entries = [(plan(entry.key), plan(entry.value), entry.optional) for entry in node.entries]

    def build(frame: Frame) -> Any:
        frame.spend(30)
        made: dict[Any, Any] = {}
        for key_of, value_of, optional in entries:
            key, value = key_of(frame), value_of(frame)
            if optional and not _as_optional(value).present:
                continue
            if type_name(key) not in ("string", "int", "uint", "bool") and not (
                type(key) is float and key.is_integer()
            ):
                raise CelEvaluationError(f"unsupported key type: {type_name(key)}")
            if any(equal(key, other) for other in made):
                raise CelEvaluationError(f"Failed with repeated key: {key}")
            made[key] = value.value if optional else value
        return made

    return build


def _object(node: ObjectLiteral) -> Closure:
    entries = [(e.key.value if isinstance(e.key, Literal) else "", plan(e.value), e.optional) for e in node.entries]
    kind = type(node.name, (ObjectValue,), {"type_name": node.name})

    def build(frame: Frame) -> Any:
        frame.spend(40)
        made = kind()
        for name, value_of, optional in entries:
            value = value_of(frame)
            if optional and not _as_optional(value).present:
                continue
            made[name] = value.value if optional else value
        return made

    return build


def _call(node: Call) -> Closure:
    return plan_call(node, [plan(child) for child in node.children()])


def _fold(node: Fold) -> Closure:
    where = plan(node.where) if node.where is not None else None
    return plan_fold(node, plan(node.over), where, plan(node.body))


def _bind(node: Bind) -> Closure:
    value_of, body, slot, optional, flat = plan(node.value), plan(node.body), node.slot, node.optional, node.flat

    def bind(frame: Frame) -> Any:
        frame.spend(10)
        value = value_of(frame)
        if optional:
            if not _as_optional(value).present:
                return NONE
            value = value.value
        frame.slots[slot] = value
        result = body(frame)
        return Optional(result) if optional and not flat else result

    return bind


_PLANS: dict[type[Node], Callable[[Any], Closure]] = {
    Literal: _literal, Ident: _ident, Select: _select, Call: _call, ListLiteral: _list, MapLiteral: _map,
    ObjectLiteral: _object, Fold: _fold, Bind: _bind,
}  # fmt: skip
