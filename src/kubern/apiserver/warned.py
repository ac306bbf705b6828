"""Warnings go with a refusal too: what was noticed of a request until then is told in its headers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kubern.base.errors import StatusError


@contextmanager
def warned(warnings: Sequence[str]) -> Iterator[None]:
    """Give the warnings that are listed by then to a `StatusError` that ends the block."""
    try:
        yield
    except StatusError as error:
        error.warnings = tuple(dict.fromkeys((*warnings, *error.warnings)))
        raise
