"""Numbers as text, as Go's `%v` and `strconv` write them."""

from __future__ import annotations

import math
from decimal import Decimal


def write_double(value: float) -> str:
    """Write a number with the fewest digits that tell it apart: `1.5`, `100000`, `1e+06`, `NaN`, `+Inf`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    # the position of the first digit; Go changes to exponents below 1e-4 and from 1e21 on
    first = len(digits) + int(exponent) - 1 if any(digits) else 0
    mark = "-" if sign else ""
    if first < -4 or first >= 21:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        return f"{mark}{text[0]}{fraction}e{'-' if first < 0 else '+'}{abs(first):02d}"
    if first < 0:
        return f"{mark}0.{'0' * (-first - 1)}{text}"
    whole, fraction = text[: first + 1].ljust(first + 1, "0"), text[first + 1 :]
    return f"{mark}{whole}.{fraction}" if fraction else f"{mark}{whole}"
