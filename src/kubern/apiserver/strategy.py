"""What a write through one path may touch: the whole object, or its status, or what another subresource owns.

The verbs update, patch and the subresources that replace objects share the code in `writing`; a strategy is where they differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kubern.api.resource import Resource
from kubern.apiserver.admission_chain import Kind
from kubern.base.errors import Cause
from kubern.base.json import Obj


class View(NamedTuple):
    """A path that takes another kind than the object's own (a Scale): what admission sees of the object, and how what it changes there
    gets into the object."""

    kind: Kind
    show: Callable[[Obj], Obj]
    take: Callable[[Obj, Obj], None]


class Strategy(NamedTuple):
    """`prepare(new, old)` takes back what this path does not own; `validate(new, old)` returns what is wrong."""

    subresource: str
    prepare: Callable[[Obj, Obj], None]
    validate: Callable[[Obj, Obj], list[Cause]]
    view: View | None = None


def main_strategy(resource: Resource) -> Strategy:
    """Return the strategy of the object's own path: everything but a status that has a path of its own."""
    has_status = resource.status_reset and any(sub.name == "status" for sub in resource.subresources)

    def prepare(new: Obj, old: Obj) -> None:
        if has_status:
            take_back(new, old, "status")
        resource.prepare_update(new, old)

    def validate(new: Obj, old: Obj) -> list[Cause]:
        return [*resource.validate(new), *resource.validate_update(new, old)]

    return Strategy("", prepare, validate)


def status_strategy(resource: Resource) -> Strategy:
    """Return the strategy of `/status`: the status, and of the metadata what every path may change."""

    def prepare(new: Obj, old: Obj) -> None:
        for key in old.keys() | new.keys():
            if key not in ("metadata", "status", "kind", "apiVersion"):
                take_back(new, old, key)
        for key in ("deletionTimestamp", "ownerReferences"):
            if resource.plural != "nodes":
                take_back(new["metadata"], old["metadata"], key)
        resource.prepare_status_update(new, old)

    def validate(new: Obj, old: Obj) -> list[Cause]:
        return list(resource.validate_status_update(new, old))

    return Strategy("status", prepare, validate)


def take_back(new: Obj, old: Obj, key: str) -> None:
    """Give `new` the value that `old` has under `key`, or none."""
    if key in old:
        new[key] = old[key]
    else:
        new.pop(key, None)
