"""The published definitions of every built-in type, read from the `kubernetes-validate` package.

Used by the schema compiler and the OpenAPI documents. What always holds: nothing is read before the first question (10 ms),
and what is handed out is shared and must not be changed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import orjson

from kubern.base.json import Obj

VERSION = "v1.36.0-local"
REFERENCE = "#/$defs/"


def definitions_file() -> Path:
    """Return where the installed package keeps the definitions. Raises `FileNotFoundError` when it is not installed."""
    # found without importing the package, whose import costs more than everything that is read here
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package kubernetes-validate is not installed")
    return Path(spec.origin).parent / "kubernetes-json-schema" / VERSION / "_definitions.json"


class Definitions:
    """All definitions by their full name, `io.k8s.api.core.v1.Pod`. Pass `raw` to use others than the published ones."""

    def __init__(self, raw: dict[str, Obj] | None = None) -> None:
        self._given = raw

    @cached_property
    def raw(self) -> dict[str, Obj]:
        """The definitions as JSON Schema; `$ref`s begin with `REFERENCE`."""
        if self._given is not None:
            return self._given
        loaded: dict[str, Obj] = orjson.loads(definitions_file().read_bytes())["$defs"]
        return loaded

    def __getitem__(self, name: str) -> Obj:
        return self.raw[name]

    def __contains__(self, name: str) -> bool:
        return name in self.raw

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    @cached_property
    def by_kind(self) -> dict[tuple[str, str, str], str]:
        """The definition's name by (group, version, kind), for the types that are served as objects of their own."""
        found: dict[tuple[str, str, str], str] = {}
        for name, definition in self.raw.items():
            kinds = definition.get("x-kubernetes-group-version-kind", ())
            if len(kinds) == 1:
                kind = kinds[0]
                found[kind["group"], kind["version"], kind["kind"]] = name
        return found
