"""How the holder of a lease is chosen, and which versions its candidates have. Called by the checks of coordination."""

from __future__ import annotations

import re

from kubern.api import field, names
from kubern.base.errors import Cause

OLDEST = "OldestEmulationVersion"
Version = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]
_NUMBER = r"(?:0|[1-9][0-9]*)"
_VERSION = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def check_strategy(strategy: str, path: str) -> list[Cause]:
    """Return what is wrong with a strategy: upstream's own, or one with a domain. Upstream says its field twice."""
    here = f"{path}.strategy"
    if "/" in strategy:
        return [field.invalid(here, strategy, message) for message in names.qualified_name(strategy)]
    return [] if strategy == OLDEST else [field.not_supported(here, strategy, [OLDEST])]


def version(text: str) -> Version | None:
    """Return a semantic version in a form that compares as versions do; None for what is none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    parts = tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in (match[4] or "").split(".") if part
    )
    # what is released comes after all that was tried before it
    return int(match[1]), int(match[2]), int(match[3]), not parts, parts
