"""The rules in CEL that a CustomResourceDefinition's schema holds: whether each compiles, in upstream's words."""

from __future__ import annotations

from collections.abc import Iterator

from kubern.api import field
from kubern.api.schema.structural import RULES
from kubern.base.errors import Cause
from kubern.base.json import Obj


def rule_problems(schema: Obj, path: str, *, root: bool) -> list[Cause]:
    """Return what is wrong with the rules at a schema and below it. `root`: the schema is a whole object's."""
    causes = _own(schema, path, root=root) if schema.get(RULES) else []
    for below, where in _below(schema, path):
        causes += rule_problems(below, where, root=False)
    return causes


def _own(schema: Obj, path: str, *, root: bool) -> list[Cause]:
    from kubern.api.cel.validation_rules import compile_rules  # CEL is loaded by those who use it

    causes = []
    embedded = root or bool(schema.get("x-kubernetes-embedded-resource"))
    for number, rule in enumerate(compile_rules(schema, resource=embedded)):
        here = f"{path}.{RULES}[{number}]"
        if rule.problem:
            causes.append(field.invalid(f"{here}.rule", rule.spec.get("rule", ""), rule.problem))
        if rule.message_problem:
            shown = rule.spec.get("messageExpression", "")
            causes.append(field.invalid(f"{here}.messageExpression", shown, rule.message_problem))
    return causes


def _below(schema: Obj, path: str) -> Iterator[tuple[Obj, str]]:
    for name, one in (schema.get("properties") or {}).items():
        yield one, f"{path}.properties[{name}]"
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield schema[key], f"{path}.{key}"
