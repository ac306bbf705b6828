from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.base.quantity import (
    NANO,
    WRONG_FORMAT,
    WRONG_NUMBER,
    WRONG_SUFFIX,
    Quantity,
    canonical,
    canonical_map,
    parse,
)

CANONICAL = [
    ("1", "1"), ("0", "0"), ("0Ki", "0"), ("0.5", "500m"), ("500m", "500m"), ("1000m", "1"), ("1500m", "1500m"),
    ("1.5Gi", "1536Mi"), ("1024Mi", "1Gi"), ("1Mi", "1Mi"), ("512", "512"), ("1000k", "1M"), ("1e3", "1e3"), ("1E", "1E"),
    ("1e400", "10e399"), ("0.1n", "1n"), ("-1.5", "-1500m"), ("1023Ki", "1023Ki"), ("0.5Ki", "512"), ("8Ei", "9223372036854775807"),
    ("100u", "100u"), ("+1", "1"), (".5", "500m"), ("1.", "1"), (" 1Gi ", "1Gi"), ("0001", "1"), ("-0", "0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CANONICAL)
def test_a_quantity_is_stored_in_canonical_form(text: str, expected: str) -> None:
    assert canonical(text) == expected


@pytest.mark.parametrize(("number", "expected"), [(1, "1"), (0.5, "500m"), (1e-7, "100e-9"), (2048, "2048")])
def test_a_json_number_is_a_quantity(number: float, expected: str) -> None:
    assert canonical(number) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", WRONG_FORMAT), ("abc", WRONG_FORMAT), ("1x", WRONG_FORMAT), ("1 Gi", WRONG_FORMAT), ("--1", WRONG_FORMAT),
        ("1" * 600, WRONG_FORMAT), (".", WRONG_NUMBER), ("1e999999999", WRONG_NUMBER), ("1mm", WRONG_SUFFIX), ("1e", WRONG_SUFFIX),
        ("1K", WRONG_SUFFIX), ("1m3", WRONG_SUFFIX),
    ],
)  # fmt: skip
def test_what_is_no_quantity_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse(text)
    assert str(refusal.value) == message


@pytest.mark.parametrize("value", [None, True, [], {}])
def test_only_strings_and_numbers_are_quantities(value: object) -> None:
    with pytest.raises(ValueError):
        parse(value)


def test_values_round_away_from_zero() -> None:
    assert parse("1.2").value() == 2
    assert parse("-1.2").value() == -2
    assert parse("1.0001").milli() == 1001
    assert parse("100m").milli() == 100


def test_a_resource_list_is_made_canonical() -> None:
    assert canonical_map({"cpu": 0.5, "memory": "1024Mi"}) == {"cpu": "500m", "memory": "1Gi"}


@given(st.integers(-(10**30), 10**30), st.sampled_from(["DecimalSI", "DecimalExponent"]))
def test_decimal_text_reads_back_exactly(nano: int, form: str) -> None:
    quantity = Quantity(nano, form)
    assert parse(str(quantity)) == quantity
    assert canonical(str(quantity)) == str(quantity)


@given(st.integers(-(2**62), 2**62))
def test_binary_text_reads_back_exactly(units: int) -> None:
    quantity = Quantity(units * NANO, "BinarySI")
    assert parse(str(quantity)) == units


@given(st.from_regex(r"[+-]?[0-9]{1,6}(\.[0-9]{0,12})?(m|k|Ki|Mi|Gi|e3|E-2|)", fullmatch=True))
def test_canonical_form_is_a_fixed_point(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert canonical(canonical(text)) == canonical(text)


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_arithmetic_and_order_are_those_of_numbers(a: int, b: int) -> None:
    left, right = Quantity(a), Quantity(b)
    assert (left < right, left <= right, left == right, left > right, left >= right) == (
        a < b,
        a <= b,
        a == b,
        a > b,
        a >= b,
    )
    assert (left + right).nano == a + b
    assert (left - right).nano == a - b


def test_a_sum_is_written_as_its_parts_are() -> None:
    assert str(sum([parse("1Gi"), parse("1Gi")], Quantity(0))) == "2Gi"
