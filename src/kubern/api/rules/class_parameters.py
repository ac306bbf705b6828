"""The parameters of classes of storage: a few, with names, and not too long in all. Wording is upstream's."""

from __future__ import annotations

from kubern.api import field
from kubern.base.errors import Cause

_MAX_COUNT, _MAX_BYTES = 512, 256 * 1024


def check_parameters(parameters: dict[str, str], *, empty: bool = True) -> list[Cause]:
    """Return what is wrong with `parameters`; whether there may be none of them depends on the class."""
    if not parameters and not empty:
        return [field.required("parameters", "must contain at least one key/value pair")]
    if len(parameters) > _MAX_COUNT:
        return [field.too_long("parameters", _MAX_COUNT)]
    causes = [field.invalid("parameters", "", "field can not be empty.")] if "" in parameters else []
    if sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items()) > _MAX_BYTES:
        causes.append(field.too_long("parameters", _MAX_BYTES))
    return causes
