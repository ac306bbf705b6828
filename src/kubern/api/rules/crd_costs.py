"""What the rules of a CustomResourceDefinition may cost by estimate, one by one and all together.

Called by the definition's validation for schemas that are new. A rule below a list or map counts as often as that has values at most.
Limits and wording are upstream's: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/,
"Resource use by validation functions".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kubern.api import field
from kubern.api.cel.estimate import estimate
from kubern.api.cel.sizes import UNBOUNDED, repeated, shape_of
from kubern.api.cel.validation_rules import Rule, compile_rules
from kubern.api.schema.structural import RULES
from kubern.base.errors import Cause
from kubern.base.json import Obj

PER_RULE, TOGETHER = 10_000_000, 100_000_000
_SHOWN = 4
"""The most expensive rules that are named when all together cost too much."""
_MEND = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"


class _Price(NamedTuple):
    path: str
    cost: int


def cost_problems(schema: Obj, path: str) -> list[Cause]:
    """Return which rules of a version's schema cost too much, and whether all together do."""
    causes: list[Cause] = []
    prices = list(_prices(schema, path, 1, causes, root=True))
    total = sum(price.cost for price in prices)
    if total > TOGETHER:
        message = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
        most = sorted(prices, key=lambda price: -price.cost)[:_SHOWN]
        causes += [field.forbidden(price.path, message) for price in most]
        what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        causes.append(field.forbidden(path, _too_much(what, total, TOGETHER)))
    return causes


def _prices(schema: Obj, path: str, times: int | None, causes: list[Cause], *, root: bool = False) -> Iterator[_Price]:
    """Yield what each rule costs; `times` is how often a value of the schema may be in an object, None for unknown."""
    for name, one in (schema.get("properties") or {}).items():
        yield from _prices(one, f"{path}.properties[{name}]", times, causes)
    for key, limit in (("items", "maxItems"), ("additionalProperties", "maxProperties")):
        if isinstance(schema.get(key), dict):
            most = schema.get(limit)
            below = None if times is None or most is None else times * max(int(most), 0)
            yield from _prices(schema[key], f"{path}.{key}", below, causes)
    if schema.get(RULES):
        whole = root or bool(schema.get("x-kubernetes-embedded-resource"))
        count = repeated(schema, resource=whole) if times is None else times
        shape = shape_of(schema, resource=whole)
        for number, rule in enumerate(compile_rules(schema, resource=whole)):
            here = f"{path}.{RULES}[{number}]"
            if rule.program is not None:
                cost = min(estimate(rule.program.root, shape) * count, UNBOUNDED)
                if cost > PER_RULE:
                    causes.append(field.forbidden(f"{here}.rule", _too_much("estimated rule cost", cost, PER_RULE)))
                yield _Price(f"{here}.rule", cost)
            yield from _message(
                rule, f"{here}.messageExpression", causes, estimate(rule.message.root, shape) if rule.message else 0
            )


def _message(rule: Rule, path: str, causes: list[Cause], cost: int) -> Iterator[_Price]:
    if rule.message is not None:
        if cost > PER_RULE:
            causes.append(field.forbidden(path, _too_much("estimated messageExpression cost", cost, PER_RULE)))
        yield _Price(path, cost)


def _too_much(what: str, cost: int, limit: int) -> str:
    times = cost / limit
    factor = "more than 100x" if times > 100 else f"{times:f}x" if times < 1.5 else f"{times:.1f}x"
    return f"{what} exceeds budget by factor of {factor} {_MEND}"
