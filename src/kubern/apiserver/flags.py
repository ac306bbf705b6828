"""The apiserver's settings by their flags' names, for `/flagz`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from kubern.diagnostics.zpages import shown

_FLAGS = {"service-account-key-files": "service-account-key-file"}
_PARTS = {"oidc": "oidc", "request-header": "requestheader"}


def flags_of(config: object) -> Iterator[tuple[str, str]]:
    """Yield every setting by its flag's name, without the dashes before it."""
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        name, value = field.name.replace("_", "-"), getattr(config, field.name)
        if name in _PARTS:
            if value is not None:
                yield from _part(_PARTS[name], value)
            continue
        yield _FLAGS.get(name, name), shown(value)


def _part(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    parts = (
        value._asdict()
        if hasattr(value, "_asdict")
        else {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    )
    for name, part in parts.items():
        yield f"{prefix}-{name.replace('_', '-')}", shown(part)
