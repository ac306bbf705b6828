"""Quantities in the form that upstream stores. Called by the resources' defaults.

A malformed quantity is the sender's mistake, so it is refused as a bad request wherever it is first read.
"""

from __future__ import annotations

from typing import Any

from kubern.base.errors import BadRequest
from kubern.base.json import Obj
from kubern.base.quantity import canonical


def stored(value: Any) -> str:
    """Return a quantity's canonical text. Raises `BadRequest`."""
    try:
        return canonical(value)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def store_maps(obj: Obj | None, *fields: str) -> None:
    """Put the resource lists in `fields` of `obj` into canonical form, in place. Raises `BadRequest`."""
    for name in fields:
        amounts = (obj or {}).get(name)
        if amounts and obj is not None:
            obj[name] = {key: stored(value) for key, value in amounts.items()}
