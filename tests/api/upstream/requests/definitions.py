"""Definitions that are refused, in which words."""

from __future__ import annotations

import copy
from typing import Any

from tests.api.upstream.story import Step

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(**schema: Any) -> dict[str, Any]:
    """Return a sound definition; `schema` is added to the one of its `spec`."""
    root = {"type": "object", "properties": {"spec": {"type": "object"} | schema}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
    names = {"kind": "Refused", "listKind": "RefusedList", "plural": "refused", "singular": "refused"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "refused.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _tried(body: Any) -> list[Step]:
    return [Step("POST", f"{PATH}?dryRun=All&fieldManager=t", body)]


def _schema(**schema: Any) -> list[Step]:
    return _tried(definition(**schema))


def _spec(**more: Any) -> list[Step]:
    body = copy.deepcopy(definition())
    body["spec"] |= more
    return _tried(body)


def _version(**more: Any) -> list[Step]:
    body = copy.deepcopy(definition())
    body["spec"]["versions"][0] |= more
    return _tried(body)


def _rule(**rule: Any) -> list[Step]:
    return _schema(properties={"a": {"type": "integer"}}, **{"x-kubernetes-validations": [rule]})


STORIES = {
    "a group without a dot": _spec(group="x"),
    "a name that is not the plural's": _spec(
        names={"kind": "Other", "listKind": "OtherList", "plural": "others", "singular": "other"}
    ),
    "no version stores": _version(storage=False),
    "a version's name": _version(name="V1"),
    "no schema": _version(schema=None),
    "the root is a list": _version(schema={"openAPIV3Schema": {"type": "array"}}),
    "a default of another type": _schema(type="string", default=5),
    "a default inside": _schema(
        properties={"a": {"type": "object", "default": {"b": 1}, "properties": {"b": {"type": "string"}}}}
    ),
    "fields and more": _schema(properties={"a": {"type": "string"}}, additionalProperties=False),
    "a list of nothing": _schema(type="array"),
    "no type": _schema(type=""),
    "null": _schema(type="null"),
    "unique items": _schema(uniqueItems=True),
    "nothing kept": _schema(**{"x-kubernetes-preserve-unknown-fields": False}),
    "embedded without fields": _schema(**{"x-kubernetes-embedded-resource": True}),
    "a map-list without keys": _schema(type="array", items={"type": "object"}, **{"x-kubernetes-list-type": "map"}),
    "a set of maps": _schema(type="array", items={"type": "object"}, **{"x-kubernetes-list-type": "set"}),
    "keys without a list": _schema(**{"x-kubernetes-list-map-keys": ["a"]}),
    "a type in a branch": _schema(anyOf=[{"type": "object"}]),
    "a path that leads nowhere": _version(selectableFields=[{"jsonPath": ".spec.a"}]),
    **{
        f"the pattern {pattern}": _schema(type="string", pattern=pattern)
        for pattern in (
            "[",
            "(",
            ")",
            "a{2,1}",
            "(?=a)",
            r"\1",
            "a**",
            "a{1001}",
            r"x\Z",
            r"\u0041",
            r"[a-\d]",
            "*",
            "+a",
            "(?#c)a",
            "[z-a]",
        )
    },
    "a rule of nothing": _rule(rule=""),
    "a rule that is no truth": _rule(rule="1"),
    "a rule of what is not there": _rule(rule="self.b"),
    "a message of blanks": _rule(rule="self.a == 1", message=" "),
    "a message of two lines": _rule(rule="self.a == 1", message="a\nb"),
    "a message that is a number": _rule(rule="self.a == 1", messageExpression="1"),
    "a message that is unknown": _rule(rule="self.a == 1", messageExpression="x"),
    "a reason": _rule(rule="self.a == 1", reason="Bad"),
    "a field without a dot": _rule(rule="self.a == 1", fieldPath="a"),
    "a field that is not there": _rule(rule="self.a == 1", fieldPath=".b"),
    "a field of blanks": _rule(rule="self.a == 1", fieldPath="\n"),
    "an old self that is not used": _rule(rule="self.a == 1", optionalOldSelf=True),
}
