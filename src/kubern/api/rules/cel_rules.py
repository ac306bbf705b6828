"""The rules in CEL that a CustomResourceDefinition's schema holds: whether each says what it has to and compiles, in upstream's words.

What always holds: a rule is compiled only where nothing else is wrong with the rules at its schema and below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from kubern.api import field
from kubern.api.schema.structural import RULES
from kubern.api.structs import VALIDATION_RULE, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_BREAK = re.compile(r"[\n\r]")
_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\['([^']*)'\]")


class _Found(NamedTuple):
    texts: list[Cause]
    compiled: list[Cause]


def rule_problems(schema: Obj, path: str, *, root: bool) -> list[Cause]:
    """Return what is wrong with the rules at a schema and below it. `root`: the schema is a whole object's."""
    found = _look(schema, path, root, "")
    return [*found.texts, *found.compiled]


def has_rules(schema: Obj) -> bool:
    """Whether there are rules at a schema or below it."""
    return bool(schema.get(RULES)) or any(has_rules(below) for below, _, _ in _below(schema, ""))


def _look(schema: Obj, path: str, root: bool, torn: str) -> _Found:
    """`torn` is the first schema on the way down whose parts cannot be found again in the object before an update."""
    found = _Found([], [])
    for below, where, parted in _below(schema, path):
        deeper = _look(below, where, False, torn or parted)
        found.texts.extend(deeper.texts)
        found.compiled.extend(deeper.compiled)
    if schema.get(RULES):
        for number, rule in enumerate(schema[RULES]):
            found.texts.extend(_texts(rule, schema, f"{path}.{RULES}[{number}]"))
        if not found.texts:
            found.compiled.extend(_compiled(schema, path, root, torn))
    return found


def _texts(rule: Obj, schema: Obj, path: str) -> Iterator[Cause]:
    """Yield what is wrong with a rule without a look at what its expressions mean."""
    text, message = str(rule.get("rule") or ""), str(rule.get("message") or "")
    if not text.strip():
        yield field.required(f"{path}.rule", "rule is not specified")
    elif message and not message.strip():
        yield field.invalid(f"{path}.message", message, "must be non-empty if specified")
    elif _BREAK.search(message.strip()):
        yield field.invalid(f"{path}.message", message, "must not contain line breaks")
    elif _BREAK.search(text.strip()) and not message:
        yield field.required(f"{path}.message", "message must be specified if rule contains line breaks")
    expression = str(rule.get("messageExpression") or "")
    if expression and not expression.strip():
        yield field.required(f"{path}.messageExpression", "messageExpression must be non-empty if specified")
    if rule.get("reason") is not None and rule["reason"] not in REASONS:
        yield field.not_supported(f"{path}.reason", rule["reason"], REASONS)
    where = str(rule.get("fieldPath") or "")
    if where and not where.strip():
        yield field.invalid(f"{path}.fieldPath", where, "must be non-empty if specified")
    if _BREAK.search(where):
        yield field.invalid(f"{path}.fieldPath", where, "must not contain line breaks")
    if where and not _leads_somewhere(where, schema):
        yield field.invalid(f"{path}.fieldPath", where, "must be a valid path")


def _leads_somewhere(path: str, schema: Obj) -> bool:
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return False
        name, at = step[1] or step[2], step.end()
        below = (schema.get("properties") or {}).get(name, schema.get("additionalProperties"))
        if not isinstance(below, dict):
            return False
        schema = below
    return True


def _compiled(schema: Obj, path: str, root: bool, torn: str) -> Iterator[Cause]:
    from kubern.api.cel.validation_rules import compile_rules  # CEL is loaded by those who use it

    embedded = root or bool(schema.get("x-kubernetes-embedded-resource"))
    for number, rule in enumerate(compile_rules(schema, resource=embedded)):
        here, shown = f"{path}.{RULES}[{number}]", struct(rule.spec, VALIDATION_RULE)
        if rule.problem:
            yield field.invalid(f"{here}.rule", shown, rule.problem)
        if rule.message_problem:
            problem = rule.message_problem
            told = f"messageExpression {problem}" if problem.startswith("compilation") else problem
            yield field.invalid(f"{here}.messageExpression", shown, told)
        if rule.transition and torn:
            message = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {torn}"
            yield field.invalid(f"{here}.rule", rule.spec.get("rule", ""), message)
        if not rule.transition and not rule.problem and rule.spec.get("optionalOldSelf") is not None:
            message = "may not be set if oldSelf is not used in rule"
            yield field.invalid(f"{here}.optionalOldSelf", rule.spec["optionalOldSelf"], message)


def _below(schema: Obj, path: str) -> Iterator[tuple[Obj, str, str]]:
    """Yield the schemas below one, their paths, and its own path if they have no counterpart in the object before an update."""
    torn = path if schema.get("x-kubernetes-map-type") == "atomic" else ""
    for name, one in (schema.get("properties") or {}).items():
        yield one, f"{path}.properties[{name}]", torn
    if isinstance(schema.get("items"), dict):
        yield schema["items"], f"{path}.items", "" if schema.get("x-kubernetes-list-type") == "map" else path
    if isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"], f"{path}.additionalProperties", ""
