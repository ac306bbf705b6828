"""Kubernetes' named formats: `format.dns1123Label().validate(x)` is empty, or the list of what is wrong."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date

from kubern.api import names
from kubern.api.cel.errors import CelEvaluationError
from kubern.api.cel.instants import parse_timestamp
from kubern.api.cel.library import Library, overloads, walk
from kubern.api.cel.values import NONE, Optional

_Check = Callable[[str], list[str]]


class NamedFormat:
    """A format as a value of an expression."""

    __slots__ = ("check", "name")
    type_name = "kubernetes.NamedFormat"

    def __init__(self, name: str, check: _Check) -> None:
        self.name = name
        self.check = check

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedFormat) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


def _prefix(check: _Check) -> _Check:
    return lambda text: check(names.mask_trailing_dash(text))


def _uri(text: str) -> list[str]:
    from kubern.api.cel.functions.url import _parse

    try:
        _parse(text)
    except ValueError as error:
        return [str(error)]
    return []


def _uuid(text: str) -> list[str]:
    pattern = r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
    return [] if re.fullmatch(pattern, text) else ["does not match the UUID format"]


def _byte(text: str) -> list[str]:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ["invalid base64"]
    return []


def _date(text: str) -> list[str]:
    try:
        if len(text) != 10:
            raise ValueError(text)
        date.fromisoformat(text)
    except ValueError:
        return ["invalid date"]
    return []


def _datetime(text: str) -> list[str]:
    try:
        parse_timestamp(text)
    except CelEvaluationError:
        return ["invalid datetime"]
    return []


_CHECKS: dict[str, _Check] = {
    "dns1123Label": names.dns1123_label,
    "dns1123Subdomain": names.dns1123_subdomain,
    "dns1035Label": names.dns1035_label,
    "qualifiedName": names.qualified_name,
    "dns1123LabelPrefix": _prefix(names.dns1123_label),
    "dns1123SubdomainPrefix": _prefix(names.dns1123_subdomain),
    "dns1035LabelPrefix": _prefix(names.dns1035_label),
    "labelValue": names.label_value,
    "uri": _uri,
    "uuid": _uuid,
    "byte": _byte,
    "date": _date,
    "datetime": _datetime,
}
_FORMATS = {name: NamedFormat(name, check) for name, check in _CHECKS.items()}


def _named(name: str) -> Optional:
    found = _FORMATS.get(name)
    return Optional(found) if found else NONE


def _constant(found: NamedFormat) -> Callable[[], NamedFormat]:
    return lambda: found


def _validate(chosen: NamedFormat, text: str) -> Optional:
    wrong = chosen.check(text)
    return Optional(wrong) if wrong else NONE


_F = "kubernetes.NamedFormat"

LIBRARY = Library(
    "format",
    (
        *overloads({f"format.{name}(): {_F}": _constant(found) for name, found in _FORMATS.items()}),
        *overloads({f"format.named(string): optional_type({_F})": _named}),
        *overloads(
            {f"{_F}.validate(string): optional_type(list(string))": _validate}, lambda args, _: walk(args[1:], None)
        ),
    ),
)
