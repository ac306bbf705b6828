"""The rules of custom resources (`x-kubernetes-validations`): compiled once a schema, evaluated with every write.

A `RuleSet` is kept by whoever keeps the schema. What always holds: rules look only at values that have passed the schema's own checks;
null is never looked at; a value that an update leaves as it was is asked transition rules only; all the rules on an
object share one budget of cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kubern.api import field
from kubern.api.cel.compiler import Budget, Program, compile
from kubern.api.cel.environment import RUNTIME_BUDGET, Environment
from kubern.api.cel.errors import CelCostExceeded, CelError, CelEvaluationError
from kubern.api.cel.schema_types import type_of
from kubern.api.cel.syntax import Ident, Node
from kubern.api.cel.types import BOOL, STRING, Type, optional_of
from kubern.api.cel.values import NONE, Optional
from kubern.base.errors import Cause
from kubern.base.json import Obj

_ABSENT = object()
_LONGEST_MESSAGE = 5120
OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"


class Rule(NamedTuple):
    """One rule: its programs, or why it does not compile (`problem`, `message_problem`)."""

    spec: Obj
    program: Program | None
    message: Program | None
    problem: str = ""
    message_problem: str = ""
    transition: bool = False

    @property
    def text(self) -> str:
        """The rule as messages show it."""
        return str(self.spec.get("rule", "")).strip()


class _Stop(Exception):
    """The budget is spent: nothing more is evaluated."""


class RuleSet:
    """The rules of a schema and of everything below it."""

    def __init__(self, schema: Obj, *, resource: bool = True) -> None:
        self._schema = schema
        embedded = resource or bool(schema.get("x-kubernetes-embedded-resource"))
        self.rules = compile_rules(schema, resource=embedded)
        self._fields = {key: found for key, one in schema.get("properties", {}).items() if (found := _below(one))}
        items, more = schema.get("items"), schema.get("additionalProperties")
        self._items = _below(items) if isinstance(items, dict) else None
        self._more = _below(more) if isinstance(more, dict) else None

    def __bool__(self) -> bool:
        return bool(self.rules or self._fields or self._items or self._more)

    def evaluate(self, new: Any, old: Any = None, path: str = "", budget: Budget | None = None) -> list[Cause]:
        """Return what the rules say against a value. `old` is what it was (None: it is new); `path` is the value's own."""
        causes: list[Cause] = []
        try:
            self._walk(new, _ABSENT if old is None else old, path, _Run(causes, budget or Budget(RUNTIME_BUDGET)))
        except _Stop:
            pass
        return causes

    def _walk(self, new: Any, old: Any, path: str, run: _Run) -> None:
        if new is None:
            return
        if self.rules:
            unchanged = old is not _ABSENT and new == old
            for rule in self.rules:
                if rule.transition or not unchanged:
                    self._evaluate(rule, new, old, path, run)
        for below, value, before, where in self._below(new, old, path):
            below._walk(value, before, where, run)

    def _below(self, new: Any, old: Any, path: str) -> Iterator[tuple[RuleSet, Any, Any, str]]:
        if isinstance(new, dict):
            earlier = old if isinstance(old, dict) else {}
            for key, value in new.items():
                below = self._fields.get(key) or self._more
                if below is not None:
                    where = f"{path}[{key}]" if key not in self._fields else f"{path}.{key}" if path else key
                    yield below, value, _or_absent(earlier.get(key)), where
        elif isinstance(new, list) and self._items is not None:
            earlier_by_key = self._keyed(old)
            for i, value in enumerate(new):
                yield self._items, value, earlier_by_key.get(self._key(value), _ABSENT), f"{path}[{i}]"

    def _keyed(self, old: Any) -> dict[Any, Any]:
        if not isinstance(old, list) or self._schema.get("x-kubernetes-list-type") != "map":
            return {}
        return {self._key(item): item for item in old}

    def _key(self, item: Any) -> Any:
        keys = self._schema.get("x-kubernetes-list-map-keys", ())
        return tuple(str(item.get(key)) for key in keys) if keys and isinstance(item, dict) else None

    def _evaluate(self, rule: Rule, new: Any, old: Any, path: str, run: _Run) -> None:
        shown = self._schema.get("type", "")
        if rule.program is None:
            run.causes.append(field.invalid(path, shown, f"rule compile error: {rule.problem}"))
            return
        variables = {"self": new}
        if rule.spec.get("optionalOldSelf"):
            variables["oldSelf"] = NONE if old is _ABSENT else Optional(_converted(rule.program, old))
        elif old is not _ABSENT:
            variables["oldSelf"] = old
        elif rule.transition:
            return
        problem = run.problem(rule, variables)
        if problem:
            run.causes.append(field.invalid(path, shown, problem))
        elif problem is None:
            value = field.OMITTED if shown in ("object", "array") else new
            run.causes.append(_refusal(rule, path, value, _message(rule, variables, run)))


def _converted(program: Program, old: Any) -> Any:
    convert = program.variables["self"].convert
    return convert(old) if convert is not None else old


def _or_absent(value: Any) -> Any:
    return _ABSENT if value is None else value


def _below(schema: Obj) -> RuleSet | None:
    return RuleSet(schema, resource=False) or None


class _Run(NamedTuple):
    """One evaluation of all rules."""

    causes: list[Cause]
    budget: Budget

    def problem(self, rule: Rule, variables: Obj) -> str | None:
        """Return why a rule could not be evaluated, empty when it holds, None when it does not."""
        if rule.program is None:
            return rule.problem
        try:
            return "" if rule.program.evaluate(variables, self.budget) is True else None
        except CelCostExceeded as error:
            if self.budget.remaining <= 0:
                self.causes.append(field.invalid("", "", OUT_OF_BUDGET))
            else:
                said = f"'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {_named(rule)}"
                self.causes.append(field.invalid("", "", said))
            raise _Stop from error
        except CelEvaluationError as error:
            if str(error).startswith("no such overload"):
                signature = "call arguments did not match a supported operator, function or macro signature"
                return f"'{error}': {signature} for rule: {_named(rule)}"
            return f"{error} evaluating rule: {_named(rule)}"


def _named(rule: Rule) -> str:
    """Return what stands for a rule in messages of its failure: its message if it has one."""
    return str(rule.spec.get("message") or "").strip() or rule.text


def _message(rule: Rule, variables: Obj, run: _Run) -> str:
    """Return what a broken rule says: its expression's text if that is usable, its own, or the rule itself."""
    said = _evaluated_message(rule, variables, run)
    if said:
        return said
    return str(rule.spec.get("message") or "").strip() or f"failed rule: {rule.text}"


def _evaluated_message(rule: Rule, variables: Obj, run: _Run) -> str:
    if rule.message is None:
        return ""
    try:
        said = rule.message.evaluate(variables, run.budget)
    except CelCostExceeded as error:
        if run.budget.remaining <= 0:
            run.causes.append(field.invalid("", "", OUT_OF_BUDGET))
            raise _Stop from error
        return ""
    except CelEvaluationError:
        return ""
    usable = isinstance(said, str) and "\n" not in said.strip() and len(said.encode()) <= _LONGEST_MESSAGE
    return said.strip() if usable else ""


def _refusal(rule: Rule, path: str, shown: Any, message: str) -> Cause:
    extra = str(rule.spec.get("fieldPath") or "")
    where = f"{path}{extra}" if path else extra.removeprefix(".")
    reason = rule.spec.get("reason")
    if reason == "FieldValueForbidden":
        return field.forbidden(where, message)
    if reason == "FieldValueRequired":
        return field.required(where, message)
    if reason == "FieldValueDuplicate":
        return field.duplicate(where, shown)
    return field.invalid(where, shown, message)


def compile_rules(schema: Obj, *, resource: bool = False) -> list[Rule]:
    """Return the rules that stand at one schema, compiled; those below it are not looked at."""
    specs = schema.get("x-kubernetes-validations") or []
    if not specs:
        return []
    kind = type_of(schema, resource=resource)
    return [_compile(spec, kind) for spec in specs]


def _compile(spec: Obj, kind: Type | None) -> Rule:
    if kind is None:
        return Rule(spec, None, None, "rules are not supported on this schema: its type is unknown")
    if not str(spec.get("rule", "")).strip():
        return Rule(spec, None, None, "rule is not specified")
    before = optional_of(kind) if spec.get("optionalOldSelf") else kind
    environment = Environment({"self": kind, "oldSelf": before})
    program, problem = _program(spec["rule"], environment, BOOL, "cel expression must evaluate to a bool")
    message, message_problem = None, ""
    if spec.get("messageExpression"):
        message, message_problem = _program(
            spec["messageExpression"], environment, STRING, "messageExpression must evaluate to a string"
        )
    return Rule(
        spec, program, message, problem, message_problem, program is not None and _names(program.root, "oldSelf")
    )


def _program(text: str, environment: Environment, wanted: Type, otherwise: str) -> tuple[Program | None, str]:
    try:
        program = compile(text, environment)
    except CelError as error:
        return None, f"compilation failed: {error}"
    return (program, "") if program.type == wanted or program.type.name == "dyn" else (None, otherwise)


def _names(root: Node, name: str) -> bool:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Ident) and node.slot is None and node.name == name:
            return True
        waiting += node.children()
    return False


def evaluate_rules(schema: Obj, new: Any, old: Any = None, path: str = "") -> list[Cause]:
    """Return what the rules of a schema say against a value. Whoever asks more than once keeps a `RuleSet` instead."""
    return RuleSet(schema).evaluate(new, old, path)
