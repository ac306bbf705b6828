"""The schemas of custom resources: pruning and defaulting, as a CustomResourceDefinition's `openAPIV3Schema` says.

Answers to the same `decode` as a built-in `Schema`, so that one code path serves both; types, bounds and required fields
are a matter of `validate` here, which is how upstream splits it too, and rules in CEL a matter of `judge`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from kubern.api.schema.compile import Schema
from kubern.api.schema.structural_checks import compile_check
from kubern.api.schema.structural_lists import lists_check
from kubern.api.schema.structural_values import Check
from kubern.base.errors import Cause
from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.api.cel.validation_rules import RuleSet

RULES = "x-kubernetes-validations"
_EVERYWHERE = ("apiVersion", "kind", "metadata")


class StructuralSchema:
    """One version of a custom resource's schema; `meta` is the schema of ObjectMeta."""

    def __init__(self, schema: Obj, meta: Schema) -> None:
        self.schema = schema
        self._meta = meta

    @cached_property
    def _check(self) -> Check:
        return compile_check(self.schema)

    @cached_property
    def _lists(self) -> Check | None:
        return lists_check(self.schema)

    @cached_property
    def _rules(self) -> RuleSet | None:
        if RULES.encode() not in orjson.dumps(self.schema):
            return None
        from kubern.api.cel.validation_rules import RuleSet  # CEL is loaded by those who use it

        return RuleSet(self.schema)

    @property
    def has_rules(self) -> bool:
        """Whether there are rules to judge by."""
        return self._rules is not None

    def repeated(self, obj: Obj) -> list[Cause]:
        """Return the items that stand more than once where they may stand once."""
        causes: list[Cause] = []
        if self._lists is not None:
            self._lists(obj, "", causes)
        return causes

    def judge(self, new: Obj, old: Obj | None = None) -> list[Cause]:
        """Return what the schema's rules say against an object that `validate` finds nothing wrong with; `old` is what it was."""
        return self._rules.evaluate(new, old) if self._rules is not None else []

    def decode(self, obj: Obj) -> list[str]:
        """Take out what the schema does not know, in place, and return the paths. Raises `WrongType` for bad metadata."""
        unknown: list[str] = []
        self._prune(obj, self.schema | {"x-kubernetes-embedded-resource": True}, "", unknown)
        return unknown

    def default(self, obj: Obj) -> None:
        """Fill in the schema's defaults, in place."""
        _default(obj, self.schema)

    def validate(self, obj: Obj, path: str = "") -> list[Cause]:
        """Return what is wrong with an object that has been decoded and defaulted, in upstream's words."""
        causes: list[Cause] = []
        self._check({key: value for key, value in obj.items() if path or key not in _EVERYWHERE}, path, causes)
        return causes

    def _prune(self, value: Any, schema: Obj, path: str, unknown: list[str]) -> None:
        if isinstance(value, list):
            items = schema.get("items")
            for index, item in enumerate(value):
                if isinstance(items, dict) or not schema.get("x-kubernetes-preserve-unknown-fields"):
                    self._prune(item, items or {}, f"{path}[{index}]", unknown)
        elif isinstance(value, dict):
            for key in list(value):
                self._prune_field(value, key, schema, f"{path}.{key}" if path else key, unknown)

    def _prune_field(self, value: Obj, key: str, schema: Obj, here: str, unknown: list[str]) -> None:
        known = schema.get("properties", {}).get(key)
        more = schema.get("additionalProperties")
        if schema.get("x-kubernetes-embedded-resource") and key in _EVERYWHERE:
            if key == "metadata" and isinstance(value[key], dict):
                unknown += [f"{here}.{path}" for path in self._meta.decode(value[key])]
        elif known is not None:
            self._prune(value[key], known, here, unknown)
        elif more is not None:
            self._prune(value[key], more if isinstance(more, dict) else {}, here, unknown)
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            unknown.append(here)
            del value[key]


def _default(value: Any, schema: Obj) -> None:
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            _default(item, schema["items"])
    elif isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, one in properties.items():
            if value.get(key, one) is None and not one.get("nullable"):
                del value[key]
            if key not in value and "default" in one:
                value[key] = orjson.loads(orjson.dumps(one["default"]))
            if value.get(key) is not None:
                _default(value[key], one)
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            for key in [key for key in value if key not in properties]:
                if value[key] is None and not more.get("nullable"):
                    del value[key]
                else:
                    _default(value[key], more)
