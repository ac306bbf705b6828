"""The --leader-elect-… flags, made into settings; a flag that is not given leaves what is there."""

from __future__ import annotations

from typing import Any

from kubern.base.duration import parse_duration
from kubern.client.leaderelection import LeaseSettings


def lease_settings(base: LeaseSettings, flags: dict[str, str]) -> LeaseSettings:
    """Return `base` with what `flags` (field to text, empty: not given) say. Raises `ValueError`."""
    said: dict[str, Any] = {
        field: parse_duration(text) if isinstance(getattr(base, field), float) else text
        for field, text in flags.items()
        if text
    }
    return base._replace(**said).checked()
