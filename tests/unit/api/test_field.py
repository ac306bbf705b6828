import pytest

from kubern.api import field
from kubern.base.errors import Cause

MESSAGES = [
    (field.required("spec.x"), "FieldValueRequired", "Required value"),
    (field.required("spec.x", "why"), "FieldValueRequired", "Required value: why"),
    (field.invalid("spec.x", "a", "bad"), "FieldValueInvalid", 'Invalid value: "a": bad'),
    (field.invalid("spec.x", 5, "bad"), "FieldValueInvalid", "Invalid value: 5: bad"),
    (field.invalid("spec.x", True), "FieldValueInvalid", "Invalid value: true"),
    (field.invalid("spec.x", None, "bad"), "FieldValueInvalid", "Invalid value: null: bad"),
    (field.invalid("spec.x", {"b": 1, "a": "<"}), "FieldValueInvalid", 'Invalid value: {"a":"\\u003c","b":1}'),
    (field.type_invalid("spec.x", "string"), "FieldValueTypeInvalid", 'Invalid value: "string"'),
    (field.not_supported("x", "a", ["b", "c"]), "FieldValueNotSupported", 'Unsupported value: "a": supported values: "b", "c"'),
    (field.not_supported("x", "a"), "FieldValueNotSupported", 'Unsupported value: "a"'),
    (field.forbidden("x", "no"), "FieldValueForbidden", "Forbidden: no"),
    (field.duplicate("x", "a"), "FieldValueDuplicate", 'Duplicate value: "a"'),
    (field.not_found("x", "a"), "FieldValueNotFound", 'Not found: "a"'),
    (field.too_long("x", 63), "FieldValueTooLong", "Too long: may not be more than 63 bytes"),
    (field.too_long("x", 1), "FieldValueTooLong", "Too long: may not be more than 1 byte"),
    (field.too_many("x", 3, 2), "FieldValueTooMany", "Too many: 3: must have at most 2 items"),
    (field.too_many("x", -1, 1), "FieldValueTooMany", "Too many: must have at most 1 item"),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "reason", "message"), MESSAGES, ids=[m[2] for m in MESSAGES])
def test_a_cause_has_upstreams_words(cause: Cause, reason: str, message: str) -> None:
    assert (cause.reason, cause.message) == (reason, message)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a", '"a"'),
        ('a"b\\', '"a\\"b\\\\"'),
        ("a\nb\t", '"a\\nb\\t"'),
        ("\x00", '"\\x00"'),
        ("é", '"é"'),
        ("\u200b", '"\\u200b"'),
    ],
)
def test_text_is_quoted_as_go_does(text: str, quoted: str) -> None:
    assert field.quote(text) == quoted


def test_one_cause_makes_a_plain_refusal() -> None:
    error = field.invalid_error("Pod", "", "x", [field.required("spec.containers[0].name")])
    assert error.message == 'Pod "x" is invalid: spec.containers[0].name: Required value'
    assert error.status()["details"]["causes"] == [
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.containers[0].name"}
    ]


def test_several_causes_stand_in_brackets_each_once() -> None:
    causes = [field.required("a"), field.forbidden("b", "no"), field.required("a")]
    error = field.invalid_error("Deployment", "apps", "x", causes)
    assert error.message == 'Deployment.apps "x" is invalid: [a: Required value, b: Forbidden: no]'


def test_an_immutable_field_may_stay_as_it_is() -> None:
    assert field.immutable("spec.x", 1, 1) == []
    assert field.immutable("spec.x", 2, 1) == [field.invalid("spec.x", 2, "field is immutable")]
