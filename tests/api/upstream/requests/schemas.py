"""Objects of a definition, and what their schema has against them; one fault or one place at a time: upstream's order is not fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.api.upstream.story import Step

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "schemas.example.com"
TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


def definition(plural: str, spec: Any, **more: Any) -> dict[str, Any]:
    """Return a definition whose objects have this schema as their `spec`; `more` is added to its version."""
    kind = plural.capitalize()
    status = {
        "type": "object",
        "properties": {"replicas": WHOLE, "selector": TEXT, "phase": {"type": "string", "maxLength": 3}},
    }
    root = {"type": "object", "properties": {"spec": spec, "status": status}}
    names = {"kind": kind, "listKind": kind + "List", "plural": plural, "singular": plural}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}, **more}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def place(plural: str) -> str:
    """Return the path of a definition's objects."""
    return f"/apis/{GROUP}/v1/namespaces/default/{plural}"


def defined(crd: dict[str, Any], *steps: Step) -> Sequence[Step]:
    """Make a definition, wait until it is served, do the steps, and delete it."""
    name = crd["metadata"]["name"]
    return [
        Step("POST", CRDS, crd, kept=False),
        Step("GET", place(crd["spec"]["names"]["plural"]), until=200, kept=False),
        *steps,
        Step("DELETE", f"{CRDS}/{name}", kept=False),
        Step("GET", f"{CRDS}/{name}", until=404, kept=False),
    ]


def made(plural: str, **more: Any) -> dict[str, Any]:
    """Return an object."""
    kind = plural.capitalize()
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": "one"}, **more}


def _values(plural: str, schema: Any, *values: Any) -> Sequence[Step]:
    """Try to make an object of each value of a field `x` of this schema."""
    tries = [
        Step("POST", f"{place(plural)}?dryRun=All&fieldManager=t", made(plural, spec={"x": value})) for value in values
    ]
    return defined(definition(plural, {"type": "object", "properties": {"x": schema}}), *tries)


def _objects(plural: str, schema: Any, *values: Any) -> Sequence[Step]:
    return _values(plural, {"type": "object", **schema}, *values)


_KEYED = {
    "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
    "items": {"type": "object", "required": ["name"], "properties": {"name": TEXT, "n": WHOLE}},
}  # fmt: skip
_SCALED = {
    "scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"},
}  # fmt: skip

STORIES = {
    "wholes": _values(
        "wholes", {"type": "integer", "minimum": 2, "maximum": 9}, 1, 2, 9, 10, 2.0, 2.5, "2", True, None, [], {}
    ),
    "exclusive": _values(
        "exclusives",
        {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1, "exclusiveMaximum": True},
        0,
        0.5,
        1,
    ),
    "steps": _values("steps", {"type": "integer", "multipleOf": 5}, 10, 11),
    "half steps": _values("halves", {"type": "number", "multipleOf": 0.5}, 1.5, 1.4, 3),
    "half bounds": _values("bounds", {"type": "number", "minimum": 0.5, "maximum": 10.5}, 0, 0.4, 11, 10.6),
    "texts": _values(
        "texts",
        {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
        "ab",
        "a",
        "A",
        "abcde",
        "ABCDE",
        "äöü",
        5,
        None,
    ),
    "choices": _values("choices", {"type": "string", "enum": ["red", "green"]}, "red", "blue", 5, None),
    "choices of numbers": _values("numbers", {"type": "integer", "enum": [1, 2]}, 1, 3, 1.0, "1"),
    "truths": _values("truths", {"type": "boolean"}, True, "true", 0),
    "either": _values("eithers", {"x-kubernetes-int-or-string": True}, 1, "a", 1.5, True, []),
    "nothing": _values("nullables", {"type": "string", "nullable": True, "maxLength": 1}, None, "a", "ab"),
    "nothing of a choice": _values("nonchoices", {"type": "string", "nullable": True, "enum": ["a"]}, None, "b"),
    "defaults": _objects(
        "defaults",
        {"default": {}, "properties": {"a": {"type": "string", "default": "b"}, "c": TEXT}},
        {},
        {"a": None, "c": None},
        None,
        {"a": "x"},
    ),
    "maps": _objects(
        "maps",
        {"additionalProperties": {"type": "integer", "maximum": 5}, "maxProperties": 2},
        {"a": 1},
        {"a": 6},
        {"a": "b"},
        {"a": None},
        {"a": 1, "b": 2, "c": 3},
        [],
    ),
    "required": _objects(
        "requireds",
        {"required": ["a"], "properties": {"a": TEXT}, "minProperties": 1},
        {"a": "x"},
        {},
        {"b": 1},
        {"a": None},
    ),
    "lists": _values(
        "lists",
        {"type": "array", "items": {"type": "string", "maxLength": 2}, "minItems": 1, "maxItems": 2},
        ["a"],
        [],
        ["a", "b", "c"],
        ["abc"],
        [1],
        {},
        [None],
    ),
    "sets": _values(
        "sets",
        {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
        ["a", "b"],
        ["a", "b", "a"],
        ["a", "a", "a"],
    ),
    "keyed lists": _values(
        "keyeds", _KEYED, [{"name": "a"}], [{"name": "a"}, {"name": "a", "n": 1}], [{}], [{"name": 1}]
    ),
    "any of": _objects(
        "anyofs",
        {"properties": {"a": WHOLE, "b": WHOLE}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"a": 1},
        {"b": 1},
        {},
    ),
    "one of": _objects(
        "oneofs",
        {"properties": {"a": WHOLE, "b": WHOLE}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"a": 1},
        {},
        {"a": 1, "b": 1},
    ),
    "all of": _objects(
        "allofs",
        {"properties": {"a": WHOLE}, "allOf": [{"required": ["a"]}, {"properties": {"a": {"minimum": 2}}}]},
        {"a": 2},
        {"a": 1},
        {},
    ),
    "none of all": _objects(
        "noneofs",
        {
            "properties": {"a": WHOLE},
            "allOf": [{"properties": {"a": {"maximum": 0}}}, {"properties": {"a": {"minimum": 2}}}],
        },
        {"a": 1},
    ),
    "not": _objects("nots", {"properties": {"a": WHOLE}, "not": {"required": ["a"]}}, {}, {"a": 1}),
    "open": _objects("opens", {"additionalProperties": True}, {"a": {"b": 1}, "c": 1}, {"d": [{"e": 1}]}, {}),
    "closed": _objects("closeds", {"additionalProperties": False}, {"a": {"b": 1}}, {}),
    "slow patterns": _values("slows", {"type": "string", "pattern": "^(a+)+$"}, "a" * 60 + "!", "aa"),
    "free": _objects("frees", {"x-kubernetes-preserve-unknown-fields": True}, {"a": {"b": [1, None]}}, {"a": None}),
    "pruned": _objects("pruneds", {"properties": {"a": TEXT}}, {"a": "b", "c": 1}, {"c": {"d": 1}}),
    "scale": defined(
        definition(
            "scaleds",
            {"type": "object", "properties": {"n": {"x-kubernetes-preserve-unknown-fields": True}}},
            subresources=_SCALED,
        ),
        *(
            Step("POST", f"{place('scaleds')}?dryRun=All", made("scaleds", spec={"n": n}))
            for n in (1, -1, 2**31, "x", 1.5, True, None)
        ),
        Step("POST", f"{place('scaleds')}?dryRun=All", made("scaleds", status={"replicas": -1})),
    ),
    "rules": defined(
        definition(
            "ruleds",
            {
                "type": "object",
                "properties": {"a": {"type": "integer", "maximum": 9}, "b": {"type": "string", "enum": ["x"]}},
                "x-kubernetes-validations": [{"rule": "self.a < 5", "message": "small"}],
            },
        ),
        *(
            Step("POST", f"{place('ruleds')}?dryRun=All", made("ruleds", spec=spec))
            for spec in ({"a": 1}, {"a": 6}, {"a": 10}, {"a": "1"}, {"a": 6, "b": "y"}, {})
        ),
    ),
    **{
        f"format {name}": _values(f"format{name.replace('-', '')}", {"type": "string", "format": name}, *values)
        for name, values in {
            "date-time": ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5+01:00", "2026-01-02", "x", ""],
            "date": ["2026-01-02", "2026-13-02", "x"],
            "email": ["a@b.c", "a"],
            "hostname": ["a.b", "-a", "a_b"],
            "ipv4": ["1.2.3.4", "1.2.3", "::1"],
            "ipv6": ["::1", "1.2.3.4"],
            "cidr": ["10.0.0.0/8", "10.0.0.0"],
            "mac": ["01:23:45:67:89:ab", "x"],
            "uri": ["http://a/b", "a b", "x"],
            "uuid": ["a3bb189e-8bf9-3888-9912-ace4e6543002", "A3BB189E8BF938889912ACE4E6543002", "x"],
            "byte": ["YQ==", "!"],
            "duration": ["1h", "5 days", "x"],
            "bsonobjectid": ["507f1f77bcf86cd799439011", "x"],
            "isbn": ["0321751043", "x"],
            "creditcard": ["4111111111111111", "x"],
            "ssn": ["111-11-1111", "x"],
            "hexcolor": ["#fff", "x"],
            "rgbcolor": ["rgb(1,2,3)", "x"],
            "password": ["x"],
            "int64": ["x"],
            "unknown": ["x"],
        }.items()
    },
}
