"""The string formats that upstream checks in custom resources, by their names in the schema."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import uuid
from collections.abc import Callable
from datetime import date
from urllib.parse import urlsplit

from kubern.base.clock import parse_time

_DURATION = re.compile(r"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h|d|w))+|0", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_WORDS = re.compile(
    r"\s*(\d+)\s*(?:nano|micro|milli|sec|min|hr|hour|day|wk|week|ns|us|µs|ms|s|m|h|d|w)\w*\s*", re.ASCII
)
_HOSTNAME = re.compile(
    r"(?=.{1,255}$)(?:[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}|[A-Za-z0-9](?:-?[A-Za-z0-9]{0,62})?"
)
_CARD = re.compile(
    r"4\d{12}(?:\d{3})?|5[1-5]\d{14}|(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|6(?:011|5\d\d)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11}|6[27]\d{14}"
)
_COLOR = re.compile(r"#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_BYTE = r"\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*"
_RGB = re.compile(rf"rgb\({_BYTE},{_BYTE},{_BYTE}\)")
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?:(?:[:-][0-9A-Fa-f]{2}){2})?")


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


def _base64(text: str) -> None:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error


def _uri(text: str) -> None:
    if not urlsplit(text).scheme and not text.startswith("/"):
        raise ValueError(text)


def _network(text: str) -> None:
    if "/" not in text:
        raise ValueError(text)
    ipaddress.ip_interface(text)


def _card(text: str) -> bool:
    digits = re.sub("[^0-9]+", "", text)
    doubled = (int(digit) * (1 + i % 2) for i, digit in enumerate(reversed(digits)))
    return bool(_CARD.fullmatch(digits)) and sum(each // 10 + each % 10 for each in doubled) % 10 == 0


def _isbn10(text: str) -> bool:
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"\d{9}[\dX]", digits):
        return False
    return sum((i + 1) * (10 if digit == "X" else int(digit)) for i, digit in enumerate(digits)) % 11 == 0


def _isbn13(text: str) -> bool:
    digits = re.sub(r"[\s-]", "", text)
    return (
        bool(re.fullmatch(r"\d{13}", digits))
        and sum((1, 3)[i % 2] * int(digit) for i, digit in enumerate(digits)) % 10 == 0
    )


FORMATS: dict[str, Callable[[str], bool]] = {
    "byte": _parses(_base64),
    "cidr": _parses(_network),
    "date": _parses(date.fromisoformat),
    "date-time": _parses(parse_time),
    "bsonobjectid": lambda text: bool(re.fullmatch("[0-9a-fA-F]{24}", text)),
    "creditcard": _card,
    "duration": lambda text: bool(_DURATION.fullmatch(text) or _WORDS.fullmatch(text)),
    "email": lambda text: bool(_EMAIL.fullmatch(text)),
    "hostname": lambda text: bool(_HOSTNAME.fullmatch(text)),
    "hexcolor": lambda text: bool(_COLOR.fullmatch(text)),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "isbn": lambda text: _isbn10(text) or _isbn13(text),
    "isbn10": _isbn10,
    "isbn13": _isbn13,
    "mac": lambda text: bool(_MAC.fullmatch(text)),
    "rgbcolor": lambda text: bool(_RGB.fullmatch(text)),
    "ssn": lambda text: bool(re.fullmatch(r"\d{3}[- ]?\d{2}[- ]?\d{4}", text)),
    "uri": _parses(_uri),
    "uuid": _parses(uuid.UUID),
}
