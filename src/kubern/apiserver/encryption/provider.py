"""What a provider of encryption is: a name in the configuration, and sealers made of what stands below it.

Implemented by the files in `providers/`. What always holds: a sealed value begins with its sealer's marker, which names the key, so that
it is found again whatever stands first in the configuration.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, NamedTuple

from kubern.base.json import Obj

PREFIX = b"k8s:enc:"


class Unopened(Exception):
    """A value cannot be read; the text says why, and nothing of what is in it."""


class Sealer(NamedTuple):
    """One key of a provider. Both functions take the value and the key in the store, to which the value is bound where that is possible.

    `open` gets the value without the marker and raises `Unopened`.
    """

    marker: bytes
    seal: Callable[[bytes, bytes], bytes]
    open: Callable[[bytes, bytes], bytes]


class Provider(NamedTuple):
    """`name` is its field in the configuration; `sealers(given, path)` makes its sealers, the first of which seals.

    Raises `ValueError` with the path of what is wrong."""

    name: str
    sealers: Callable[[Obj, str], list[Sealer]]


def marker(scheme: str, name: str) -> bytes:
    """Return what values of a key begin with: `k8s:enc:aesgcm:v1:key1:`."""
    return b"%b%b:%b:" % (PREFIX, scheme.encode(), name.encode())


def keys_of(given: Obj, path: str, sizes: tuple[int, ...]) -> list[tuple[str, bytes]]:
    """Return a provider's keys by name. Raises `ValueError` for none, a name twice, or a secret of a wrong size."""
    listed: Any = given.get("keys")
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"{path}.keys: Required value: at least one key is required")
    found: dict[str, bytes] = {}
    for index, key in enumerate(listed):
        here = f"{path}.keys[{index}]"
        name = key.get("name") if isinstance(key, dict) else None
        if not name or not isinstance(name, str) or ":" in name:
            raise ValueError(f"{here}.name: Required value: a name without colons")
        if name in found:
            raise ValueError(f"{here}.name: Duplicate value: {name!r}")
        try:
            secret = base64.b64decode(str(key.get("secret") or ""), validate=True)
        except binascii.Error:
            raise ValueError(f"{here}.secret: Invalid value: secrets must be base64 encoded") from None
        if len(secret) not in sizes:
            expected = " ".join(str(size) for size in sizes)
            raise ValueError(
                f"{here}.secret: Invalid value: secret is not of the expected length, got {len(secret)}, expected one of [{expected}]"
            )
        found[name] = secret
    return list(found.items())
