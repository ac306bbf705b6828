"""Amounts of resources as the API writes them: `500m`, `1.5Gi`, `2e3`.

Used wherever requests, limits, capacities or quotas are read, compared or added up. What always holds: an amount is exact
(a whole number of nano units, which is the API's smallest step), and its text is upstream's canonical form.
Source: the documentation of `resource.Quantity`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

NANO = 10**9
DECIMAL, BINARY, EXPONENT = "DecimalSI", "BinarySI", "DecimalExponent"
_PATTERN = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*)([-+]?[0-9]*)", re.ASCII)
_DECIMAL_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY_POWERS = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL_POWERS.items()}
_BINARY_SUFFIX = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_LARGEST_BINARY = (2**63 - 1) * NANO
_LONGEST = 512
"""Characters of a number, and its largest exponent: bounds the work that a hostile `1e999999999` can ask for."""

WRONG_FORMAT = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"  # upstream's text
)
WRONG_NUMBER = "unable to parse numeric part of quantity"
WRONG_SUFFIX = "unable to parse quantity's suffix"


class Quantity:
    """An exact amount. Compares with, and is added to, other quantities and ints; `str` is the canonical text."""

    __slots__ = ("format", "nano")

    def __init__(self, nano: int, format: str = DECIMAL) -> None:
        self.nano = nano
        self.format = format

    def value(self) -> int:
        """Return whole units, fractions rounded away from zero, as upstream's `Value()`."""
        return _divide_up(self.nano, NANO)

    def milli(self) -> int:
        """Return thousandths, fractions rounded away from zero, as upstream's `MilliValue()`."""
        return _divide_up(self.nano, 10**6)

    def __float__(self) -> float:
        return self.nano / NANO

    def __str__(self) -> str:
        return format_nano(self.nano, self.format)

    def __repr__(self) -> str:
        return f"Quantity({str(self)!r})"

    def __hash__(self) -> int:
        return hash(self.nano)

    def __bool__(self) -> bool:
        return self.nano != 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity | int) and self.nano == _nano(other)

    def __lt__(self, other: Quantity | int) -> bool:
        return self.nano < _nano(other)

    def __le__(self, other: Quantity | int) -> bool:
        return self.nano <= _nano(other)

    def __gt__(self, other: Quantity | int) -> bool:
        return self.nano > _nano(other)

    def __ge__(self, other: Quantity | int) -> bool:
        return self.nano >= _nano(other)

    def __add__(self, other: Quantity | int) -> Quantity:
        """Add; a zero takes over the other's format, so that a sum starting at 0 is written as its parts are."""
        takes = isinstance(other, Quantity) and not self.nano
        return Quantity(
            self.nano + _nano(other), other.format if takes and isinstance(other, Quantity) else self.format
        )

    def __radd__(self, other: int) -> Quantity:
        return Quantity(self.nano + _nano(other), self.format)

    def __sub__(self, other: Quantity | int) -> Quantity:
        return Quantity(self.nano - _nano(other), self.format)

    def __neg__(self) -> Quantity:
        return Quantity(-self.nano, self.format)

    def __abs__(self) -> Quantity:
        return Quantity(abs(self.nano), self.format)

    def __mul__(self, times: int) -> Quantity:
        return Quantity(self.nano * times, self.format)

    def __mod__(self, other: Quantity | int) -> Quantity:
        return Quantity(self.nano % _nano(other), self.format)


def from_value(units: int, format: str = DECIMAL) -> Quantity:
    """Return a quantity of whole units."""
    return Quantity(units * NANO, format)


def from_milli(thousandths: int) -> Quantity:
    """Return a quantity of thousandths."""
    return Quantity(thousandths * 10**6)


def parse(value: Any) -> Quantity:
    """Read a quantity from a string or a JSON number. Raises `ValueError` with upstream's message."""
    if isinstance(value, str):
        return _parse(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _parse(repr(value))
    raise ValueError(WRONG_FORMAT)


def canonical(value: Any) -> str:
    """Return a quantity in the form that upstream stores: `0.5` → `500m`, `1024Mi` → `1Gi`. Raises `ValueError`."""
    return _canonical(value) if isinstance(value, str) else str(parse(value))


def canonical_map(quantities: Mapping[str, Any]) -> dict[str, str]:
    """Return a resource list with every quantity in canonical form. Raises `ValueError`."""
    return {name: canonical(value) for name, value in quantities.items()}


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str:
    return str(_parse(text))


@lru_cache(maxsize=4096)
def _parse(text: str) -> Quantity:
    match = _PATTERN.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(WRONG_FORMAT)
    sign, whole, fraction, letters, digits = match.groups()
    fraction = fraction or ""
    if not whole and not fraction:
        raise ValueError(WRONG_NUMBER if match.group(3) is not None else WRONG_FORMAT)
    mantissa = int(whole + fraction)
    binary, power, form = _suffix(letters, digits)
    power -= 0 if binary else len(fraction)
    scaled = mantissa * NANO * (2**binary if binary else 1)
    # a non-zero amount below the smallest step becomes that step, not zero
    divisor = 10 ** (len(fraction) if binary else max(-power, 0))
    nano = -(-scaled * 10 ** (0 if binary else max(power, 0)) // divisor)
    if form == BINARY:
        nano = min(nano, _LARGEST_BINARY)
        if 0 < nano < NANO:
            form = DECIMAL
    return Quantity(-nano if sign == "-" else nano, form)


def _suffix(letters: str, digits: str) -> tuple[int, int, str]:
    """Return the power of two, the power of ten and the format that a suffix means."""
    if not digits:
        if letters in _DECIMAL_POWERS:
            return 0, _DECIMAL_POWERS[letters], DECIMAL
        if letters in _BINARY_POWERS:
            return _BINARY_POWERS[letters], 0, BINARY
    elif letters in ("e", "E") and digits not in ("+", "-"):
        power = int(digits)
        if power > _LONGEST:
            raise ValueError(WRONG_NUMBER)
        return 0, max(power, -2 * _LONGEST), EXPONENT
    raise ValueError(WRONG_SUFFIX)


def format_nano(nano: int, format: str = DECIMAL) -> str:
    """Write an amount of nano units in canonical form: no fraction, the largest suffix that keeps it exact."""
    if format == BINARY and abs(nano) >= 1024 * NANO:
        number, step = _divide_up(nano, NANO), 0
        while number % 1024 == 0 and step < len(_BINARY_SUFFIX) - 1:
            number, step = number // 1024, step + 1
        return f"{number}{_BINARY_SUFFIX[step]}"
    if nano == 0:
        return "0"
    number, power = nano, -9
    while number % 1000 == 0 and (format == EXPONENT or power < 18):
        number, power = number // 1000, power + 3
    if format == EXPONENT:
        return f"{number}e{power}" if power else str(number)
    return f"{number}{_DECIMAL_SUFFIX[power]}"


def _divide_up(number: int, divisor: int) -> int:
    """Divide, rounding away from zero."""
    return number // divisor if number < 0 else -(-number // divisor)


def _nano(other: Quantity | int) -> int:
    return other.nano if isinstance(other, Quantity) else other * NANO
