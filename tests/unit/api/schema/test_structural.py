from typing import Any

import orjson
import pytest

from kubern.api import field
from kubern.api.schema import Schemas, StructuralSchema
from kubern.base.errors import Cause

META = Schemas()["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]


def widget(**properties: Any) -> StructuralSchema:
    spec = {"type": "object", "properties": properties}
    return StructuralSchema({"type": "object", "properties": {"spec": spec, "status": {"type": "object"}}}, META)


def check(schema: dict[str, Any], value: Any) -> list[Cause]:
    schema_of = widget(x=schema)
    obj = {"spec": {"x": value}}
    return [*schema_of.validate(obj), *schema_of.repeated(obj)]


INT, TEXT = {"type": "integer"}, {"type": "string"}
IN = "spec.x in body"
NO_INTEGER = field.type_invalid("spec.x", "array", f'{IN} must be of type integer: "array"')
NOT_WHOLE = field.invalid("spec.x", "", "Checked value must be of type integer (default format) in spec.x")
CASES: list[tuple[dict[str, Any], Any, list[Cause]]] = [
    (INT, 1, []),
    (INT, "1", [field.type_invalid("spec.x", "string", f'{IN} must be of type integer: "string"')]),
    (INT, None, [field.type_invalid("spec.x", "null", f'{IN} must be of type integer: "null"')]),
    (INT, 1.5, [field.type_invalid("spec.x", "number", f'{IN} must be of type integer: "number"'), NOT_WHOLE]),
    (INT, True, [field.type_invalid("spec.x", "boolean", f'{IN} must be of type integer: "boolean"')]),
    (INT, 2.0, []),
    (INT | {"nullable": True}, None, []),
    ({"type": "number"}, 1, []),
    ({"x-kubernetes-int-or-string": True}, "25%", []),
    ({"x-kubernetes-int-or-string": True}, [], [field.type_invalid("spec.x", "array", f'{IN} must be of type integer,string: "array"')]),
    (INT | {"minimum": 1}, 0, [field.invalid("spec.x", 0, f"{IN} should be greater than or equal to 1")]),
    (INT | {"minimum": 1, "exclusiveMinimum": True}, 1, [field.invalid("spec.x", 1, f"{IN} should be greater than 1")]),
    (INT | {"maximum": 1}, 2, [field.invalid("spec.x", 2, f"{IN} should be less than or equal to 1")]),
    (INT | {"maximum": 1, "exclusiveMaximum": True}, 1, [field.invalid("spec.x", 1, f"{IN} should be less than 1")]),
    (INT | {"multipleOf": 5}, 6, [field.invalid("spec.x", 6, f"{IN} should be a multiple of 5")]),
    (TEXT | {"enum": ["a", "b"]}, "c", [field.not_supported("spec.x", "c", ["a", "b"])]),
    (INT | {"enum": [1, 2]}, 3, [field.not_supported("spec.x", 3, ["1", "2"])]),
    (TEXT | {"pattern": "^a+$"}, "b", [field.invalid("spec.x", "b", f"{IN} should match '^a+$'")]),
    (TEXT | {"pattern": "a"}, "bab", []),
    (TEXT | {"pattern": r"\p{L}"}, "b", []),
    (TEXT | {"minLength": 2}, "b", [field.invalid("spec.x", "b", f"{IN} should be at least 2 chars long")]),
    (TEXT | {"maxLength": 2}, "bbb", [field.too_long("spec.x", 2)]),
    (TEXT | {"format": "date-time"}, "soon", [field.type_invalid("spec.x", "soon", f'{IN} must be of type date-time: "soon"')]),
    (TEXT | {"format": "date-time"}, "2026-01-01T00:00:00Z", []),
    (TEXT | {"format": "ipv4"}, "1.2.3.4", []),
    (TEXT | {"format": "unknown"}, "x", []),
    ({"type": "array", "items": INT}, [1, "a"],
     [field.type_invalid("spec.x[1]", "string", 'spec.x[1] in body must be of type integer: "string"')]),
    ({"type": "array", "minItems": 1}, [], [field.invalid("spec.x", 0, f"{IN} should have at least 1 items")]),
    ({"type": "array", "maxItems": 1}, [1, 2], [field.too_many("spec.x", 2, 1)]),
    ({"type": "array", "x-kubernetes-list-type": "set"}, ["a", "a"], [field.duplicate("spec.x[1]", "a")]),
    ({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}, [{"n": 1}, {"n": 1, "v": 2}],
     [field.duplicate("spec.x[1]", {"n": 1})]),
    ({"type": "object", "required": ["a", "b"]}, {"a": None}, [field.required("spec.x.b")]),
    ({"type": "object", "additionalProperties": INT}, {"k": "a"},
     [field.type_invalid("spec.x.k", "string", 'spec.x.k in body must be of type integer: "string"')]),
    ({"type": "object", "maxProperties": 1}, {"a": 1, "b": 2}, [field.too_many("spec.x", 2, 1)]),
    ({"anyOf": [INT, TEXT]}, [], [field.invalid("spec.x", "", '"spec.x" must validate at least one schema (anyOf)'), NO_INTEGER]),
    ({"oneOf": [INT, TEXT]}, [],
     [field.invalid("spec.x", "", '"spec.x" must validate one and only one schema (oneOf). Found none valid'), NO_INTEGER]),
    ({"oneOf": [INT, INT]}, 1,
     [field.invalid("spec.x", "", '"spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives')]),
    ({"not": INT}, 1, [field.invalid("spec.x", "", '"spec.x" must not validate the schema (not)')]),
    ({"allOf": [{"minimum": 2}]}, 1, [
        field.invalid("spec.x", 1, f"{IN} should be greater than or equal to 2"),
        field.invalid("spec.x", "", '"spec.x" must validate all the schemas (allOf). None validated'),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "causes"), CASES, ids=[f"{c[0]}<-{c[1]!r}"[:90] for c in CASES])
def test_a_value_is_judged_in_upstreams_words(schema: dict[str, Any], value: Any, causes: list[Cause]) -> None:
    assert check(schema, value) == causes


def test_unknown_fields_are_pruned_and_named() -> None:
    schema = widget(
        a={"type": "object", "properties": {"b": TEXT}},
        free={"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"in": {"type": "object"}}},
        map={"type": "object", "additionalProperties": {"type": "object", "properties": {"v": INT}}},
        list={"type": "array", "items": {"type": "object", "properties": {"v": INT}}},
        inner={"type": "object", "x-kubernetes-embedded-resource": True},
    )
    obj = {
        "apiVersion": "a/v1", "kind": "Widget", "metadata": {"name": "x", "foo": 1}, "bar": 1,
        "spec": {
            "a": {"b": "x", "c": 1}, "free": {"any": [1], "in": {"out": 1}}, "map": {"k": {"v": 1, "w": 2}},
            "list": [{"v": 1}, {"w": 2}], "inner": {"apiVersion": "v1", "kind": "Pod", "metadata": {"baz": 1}, "spec": {}},
        },
    }  # fmt: skip
    assert schema.decode(obj) == [
        "metadata.foo", "bar", "spec.a.c", "spec.free.in.out", "spec.map.k.w", "spec.list[1].w", "spec.inner.metadata.baz",
        "spec.inner.spec",
    ]  # fmt: skip
    assert obj["spec"] == {
        "a": {"b": "x"}, "free": {"any": [1], "in": {}}, "map": {"k": {"v": 1}}, "list": [{"v": 1}, {}],
        "inner": {"apiVersion": "v1", "kind": "Pod", "metadata": {}},
    }  # fmt: skip
    assert schema.decode(obj) == []


def test_defaults_fill_what_is_absent() -> None:
    item = {"type": "object", "properties": {"p": INT | {"default": 7}}}
    schema = widget(
        a=INT | {"default": 1},
        b={"type": "object", "default": {}, "properties": {"c": TEXT | {"default": "x"}}},
        l={"type": "array", "items": item},
        m={"type": "object", "additionalProperties": item},
        n=INT | {"default": 2, "nullable": True},
    )
    obj: dict[str, Any] = {"spec": {"a": None, "l": [{}, {"p": 1}], "m": {"k": {}}, "n": None}}
    before = orjson.dumps(schema.schema)
    schema.default(obj)
    assert obj["spec"] == {"a": 1, "b": {"c": "x"}, "l": [{"p": 7}, {"p": 1}], "m": {"k": {"p": 7}}, "n": None}
    obj["spec"]["b"]["c"] = "changed"
    assert orjson.dumps(schema.schema) == before


def test_metadata_is_not_the_schemas_business() -> None:
    schema = StructuralSchema({"type": "object", "properties": {"metadata": {"type": "string"}}}, META)
    assert schema.validate({"apiVersion": "a/v1", "kind": "W", "metadata": {"name": "x"}}) == []
