from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.api.codec import decode, decode_any, encode_yaml
from kubern.base.errors import BadRequest, StatusError, UnsupportedMediaType

JSON, YAML = "application/json", "application/yaml"
PREFIX = "the object provided is unrecognized (must be of type Pod): "
PARSE = "couldn't get version/kind; json parse error: "


def refusal(body: bytes, content_type: str) -> str:
    with pytest.raises(BadRequest) as caught:
        decode(body, content_type, "Pod")
    assert caught.value.message.startswith(PREFIX)
    return caught.value.message.removeprefix(PREFIX)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "unexpected end of JSON input (<empty>)"),
        (b'{"a":', 'unexpected end of JSON input ({"a":)'),
        (b"this is not JSON", "invalid character 't' looking for beginning of value (74686973206973206e6f74204a534f4e)"),
        (b'{"a" 1}', "invalid character '1' after object key ({\"a\" 1})"),
        (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair ({\"a\":1 \"b\":2})"),
        (b'{"a":1}x', "invalid character 'x' after top-level value ({\"a\":1}x)"),
        (b'{"a":[1 2]}', "invalid character '2' after array element ({\"a\":[1 2]})"),
        (b'{"a":"[",}', "invalid character '}' looking for beginning of object key string ({\"a\":\"[\",})"),
    ],
    ids=str,
)  # fmt: skip
def test_malformed_json_is_refused_in_upstreams_words(body: bytes, message: str) -> None:
    assert refusal(body, JSON) == PARSE + message


def test_a_body_that_is_no_object_is_refused() -> None:
    assert refusal(b"[]", JSON).startswith(PARSE + "json: cannot unmarshal array into Go value of type struct {")


def test_a_long_body_is_shown_in_part() -> None:
    assert refusal(b'{"a":' + b"1" * 50, JSON).endswith('({"a":1111111111111111111111111 ...)')


def test_nesting_without_end_is_refused() -> None:
    assert refusal(b'{"a":' * 300 + b"1" + b"}" * 300, JSON).startswith("exceeded max depth")
    assert refusal(b"[" * 100_000, YAML).startswith("yaml: exceeded max depth")
    assert refusal(b"- " * 5_000, YAML).startswith("yaml: exceeded max depth")


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b'{"a":1}', []),
        (b'{ "a" : "x\\"y" }', []),
        (b'{"a":"\\u0022"}', []),
        (b'{"a":1,"b":{"c":1,"c":2},"a":3}', ["a", "b.c"]),
        (b'{"l":[{"x":1},{"x":1,"x":2,"x":3}]}', ["l[1].x"]),
    ],
)
def test_keys_given_twice_are_named(body: bytes, paths: list[str]) -> None:
    assert decode(body, JSON, "Pod").duplicates == [f'duplicate field "{path}"' for path in paths]


def test_the_last_of_two_keys_counts() -> None:
    assert decode(b'{"a":1,"a":2}', JSON, "Pod").obj == {"a": 2}
    decoded = decode(b"a: 1\nb: 1\na: 2\n", YAML, "Pod")
    assert decoded.obj == {"a": 2, "b": 1}
    assert decoded.duplicates == ['yaml: unmarshal errors:\n  line 3: key "a" already set in map']


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("y", True), ("On", True), ("n", False), ("off", False), ("'yes'", "yes"), ('"1"', "1"), ("~", None), ("", None),
        ("null", None), ("12", 12), ("-3", -3), ("0x1F", 31), ("0644", 420), ("0o644", 420), ("0b11", 3), ("1_000", 1000), ("1e3", 1000),
        ("1.5", 1.5), ("5.0", 5), (".5", 0.5), ("08", 8), ("1:30", "1:30"), ("80:80", "80:80"), ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("1.2.3", "1.2.3"), ("1Gi", "1Gi"), ("- a", ["a"]), ("{b: 1}", {"b": 1}),
        ("|\n  x\n  y\n", "x\ny\n"), ("!!str 1", "1"), ("!!int '5'", 5), ("99999999999999999999", 1e20), ("-", [None]), ("=", "="),
    ],
)  # fmt: skip
def test_yaml_scalars_mean_what_upstream_has_them_mean(text: str, value: Any) -> None:
    body = f"a: {text}" if not text.startswith("-") or text == "-3" else f"a:\n {text}"
    assert orjson.dumps(decode(body.encode(), YAML, "Pod").obj) == orjson.dumps({"a": value})


def test_yaml_keys_become_strings() -> None:
    assert decode(b"1: a\ntrue: b\n1.5: c", YAML, "Pod").obj == {"1": "a", "true": "b", "1.5": "c"}


def test_only_the_first_document_is_read() -> None:
    assert decode(b"---\na: 1\n---\n}{", YAML, "Pod").obj == {"a": 1}


def test_aliases_and_merges_are_followed_and_share_nothing() -> None:
    obj = decode(b"base: &b {x: 1, z: 2}\nc: *b\nd:\n  <<: *b\n  x: 3\n", YAML, "Pod").obj
    assert obj == {"base": {"x": 1, "z": 2}, "c": {"x": 1, "z": 2}, "d": {"x": 3, "z": 2}}
    assert obj["base"] is not obj["c"]


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%b]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(8)
)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BOMB, "yaml: document contains excessive aliasing"),
        (b"a: &a [*a]", "yaml: anchor 'a' value contains itself"),
        (b"a: *b", "yaml: unknown anchor 'b' referenced"),
        (b"a: b: c", "yaml: line 1: mapping values are not allowed in this context"),
        (b"a: .inf", "json: unsupported value: .inf"),
        (b"? [a]\n: b", "yaml: line 1: invalid map key"),
        (b"\tx: 1", "yaml: line 1: found character that cannot start any token"),
        (b"\xff\xff", "yaml: "),
        (b"a: 1\n<<: 3", "yaml: map merge requires map or sequence of maps as the value"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_yaml_is_refused(body: bytes, reason: str) -> None:
    assert refusal(body, YAML).startswith(reason)


def test_another_encoding_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        decode(b"x", "text/plain", "Pod")
    assert caught.value.message == (
        "the body of the request was in an unknown format - accepted media types include: application/json, "
        "application/yaml, application/vnd.kubernetes.protobuf"
    )


@pytest.mark.parametrize("content_type", ["", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_known_by_its_media_type(content_type: str) -> None:
    assert decode(b'{"a":1}', content_type, "Pod").obj == {"a": 1}


def test_a_list_can_be_a_body() -> None:
    assert decode_any(b"[1]", "application/json-patch+json", "Pod") == ([1], [])


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abyn1~.", max_size=3), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(st.text("abc", min_size=1), values, max_size=3))
def test_what_is_written_as_yaml_or_json_reads_back(obj: dict[str, Any]) -> None:
    assert decode(orjson.dumps(obj), JSON, "Pod") == (obj, [])
    assert decode(encode_yaml(obj), YAML, "Pod") == (obj, [])


@given(st.binary(max_size=40), st.sampled_from([JSON, YAML]))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    try:
        decode(body, content_type, "Pod")
    except StatusError as error:
        assert error.code == 400  # noqa: PT017
