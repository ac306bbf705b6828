"""CBOR bodies: one to one with JSON, and what JSON does not have is refused."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.api.codec.cbor import SELF_DESCRIBED, CborError, decode, encode, encode_watch_event

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_encoded_is_decoded(value: Any) -> None:
    body = encode(value)
    assert body.startswith(SELF_DESCRIBED)
    assert decode(body) == value


def test_byte_strings_are_text_as_clients_in_go_send_it() -> None:
    assert decode(cbor2.dumps({b"kind": b"Pod", "data": cbor2.CBORTag(22, b"\x00\xff")})) == {
        "kind": "Pod",
        "data": "AP8=",
    }


def test_an_event_holds_its_object_as_it_is() -> None:
    assert decode(encode_watch_event("ADDED", encode({"a": 1}))) == {"type": "ADDED", "object": {"a": 1}}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff", cbor2.dumps(float("nan")), cbor2.dumps(float("inf")), cbor2.dumps(1 << 70), cbor2.dumps({1: 2}),
        cbor2.dumps(b"\xff"), cbor2.dumps(cbor2.CBORTag(1, 0)), cbor2.dumps(cbor2.CBORTag(999, "x")), b"\x81" * 500 + b"\x00",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
)  # fmt: skip
def test_what_json_does_not_have_is_refused(body: bytes) -> None:
    with pytest.raises(CborError):
        decode(body)
