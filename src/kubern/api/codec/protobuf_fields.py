"""The published messages: which field of which type has which number.

`protobuf_fields.txt` has a line a message: its key (`core.v1.X` stands for `io.k8s.api.core.v1.X`) and its fields, `name=number`
followed by a type. Types are `s` string, `b` bool, `i` integer, `y` bytes or a message's key, after a mark: `*` a pointer, whose
zero is kept; `!` required, so that Go writes its zero into JSON; `[]` repeated; `{}` a map with string keys, `{}[]s` one whose
values are lists of strings. `+number=message` is a message whose fields stand among its parent's in JSON.

What always holds: the file is read when the first message is asked for, and a line is parsed when its message is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

_FIELD = r"(?:(\w+)=|\+)(\d+)(=|!|\*|\[\]|\{\}\[\]|\{\})?(\S+)"
GROUPS = {
    "": "core", "admissionregistration.k8s.io": "admissionregistration", "apps": "apps", "authentication.k8s.io": "authentication",
    "authorization.k8s.io": "authorization", "autoscaling": "autoscaling", "batch": "batch",
    "certificates.k8s.io": "certificates", "coordination.k8s.io": "coordination", "discovery.k8s.io": "discovery",
    "events.k8s.io": "events", "flowcontrol.apiserver.k8s.io": "flowcontrol",
    "internal.apiserver.k8s.io": "apiserverinternal", "meta.k8s.io": "meta", "networking.k8s.io": "networking",
    "node.k8s.io": "node", "policy": "policy", "rbac.authorization.k8s.io": "rbac", "resource.k8s.io": "resource",
    "scheduling.k8s.io": "scheduling", "storage.k8s.io": "storage", "storagemigration.k8s.io": "storagemigration",
}  # fmt: skip
"""API groups and what they are called in a message's key."""
_UNGROUPED = frozenset(("APIGroup", "APIGroupList", "APIResourceList", "APIVersions", "DeleteOptions", "Status"))
"""Kinds of the machinery that are served as `v1`."""


class Field(NamedTuple):
    """One field. `mark` is as in the table; `=` for an embedded message, which has no name."""

    name: str
    number: int
    mark: str
    type: str


class Fields:
    """The table."""

    @cached_property
    def _lines(self) -> dict[str, str]:
        text = Path(__file__).with_suffix(".txt").read_text()
        return {key: rest for key, _, rest in (line.partition(" ") for line in text.splitlines())}

    def __contains__(self, key: str) -> bool:
        return key in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __getitem__(self, key: str) -> list[Field]:
        return [_parse(word) for word in self._lines[key].split()]

    def key(self, api_version: str, kind: str) -> str:
        """Return the key of an object's message; empty for a kind that has none."""
        if kind == "DeleteOptions":  # upstream has it in every group
            return "meta.v1.DeleteOptions"
        group, _, version = api_version.rpartition("/")
        name = GROUPS.get(group)
        if name is None:
            return ""
        key = f"{name}.{version}.{kind}"
        if api_version == "v1" and kind in _UNGROUPED:
            key = f"meta.v1.{kind}"
        return key if key in self else ""


def _parse(word: str) -> Field:
    found = re.fullmatch(_FIELD, word)
    if found is None:
        raise ValueError(f"no field: {word!r}")
    name, number, mark, of = found.groups()
    return Field(name or "", int(number), mark or "", of)
