"""Reading an EncryptionConfiguration (apiserver.config.k8s.io/v1): an ordered list of resources, each with its sealers.

Called at start and whenever the file has changed. What always holds: the first entry that names a resource is the one that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import yaml

from kubern.apiserver.encryption import providers
from kubern.apiserver.encryption.provider import Provider, Sealer
from kubern.base.json import Obj
from kubern.base.scan import scan

KIND, VERSIONS = "EncryptionConfiguration", ("apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1")


class Entry(NamedTuple):
    """The resources of one entry (`secrets`, `widgets.example.com`, `*.apps`, `*.`, `*.*`), and their sealers."""

    resources: tuple[str, ...]
    sealers: tuple[Sealer, ...]

    def means(self, plural: str, group: str) -> bool:
        """Whether the entry names a resource."""
        own = f"{plural}.{group}" if group else plural
        return any(name in (own, f"{own}.", f"*.{group}", "*.*") for name in self.resources)


def parse(text: bytes) -> tuple[Entry, ...]:
    """Return the entries of a configuration. Raises `ValueError` that names the field."""
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"the encryption configuration is no YAML: {error}") from error
    if not isinstance(given, dict) or given.get("kind") != KIND or given.get("apiVersion") not in VERSIONS:
        raise ValueError(f"the encryption configuration must be of kind {KIND} and apiVersion {VERSIONS[0]}")
    entries = _list(given, "resources", "resources")
    return tuple(_entry(entry, f"resources[{index}]") for index, entry in enumerate(entries))


def sealers_for(entries: Sequence[Entry], plural: str, group: str) -> tuple[Sealer, ...]:
    """Return the sealers of a resource; none when no entry names it."""
    return next((entry.sealers for entry in entries if entry.means(plural, group)), ())


def _entry(given: Any, path: str) -> Entry:
    if not isinstance(given, dict):
        raise ValueError(f"{path}: Invalid value: must be an object")
    names = _list(given, "resources", f"{path}.resources")
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name or (name.startswith("*") and not name.startswith("*.")):
            raise ValueError(
                f"{path}.resources[{index}]: Invalid value: {name!r}: must be a resource, *.GROUP, *. or *.*"
            )
    sealers: list[Sealer] = []
    for index, provider in enumerate(_list(given, "providers", f"{path}.providers")):
        sealers += _sealers(provider, f"{path}.providers[{index}]")
    return Entry(tuple(names), tuple(sealers))


def _sealers(given: Any, path: str) -> list[Sealer]:
    named = [name for name in given if given[name] is not None] if isinstance(given, dict) else []
    if len(named) != 1 or named[0] not in _known():
        known = ", ".join(_known())
        raise ValueError(f"{path}: Invalid value: exactly one of the providers {known} must be set")
    name = named[0]
    if not isinstance(given[name], dict):
        raise ValueError(f"{path}.{name}: Invalid value: must be an object")
    return _known()[name].sealers(given[name], f"{path}.{name}")


def _list(given: Obj, name: str, path: str) -> list[Any]:
    value = given.get(name)
    if not isinstance(value, list) or not value:
        raise ValueError(f"{path}: Required value: must be a list with at least one entry")
    return value


@cache
def _known() -> dict[str, Provider]:
    return {provider.name: provider for provider in scan(providers, "PROVIDER", Provider)}
