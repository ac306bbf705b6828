"""Between the form that a resource is stored in and the other versions that it is served in.

Used by the forms (stored → served) and by `decoding` (served → stored). What always holds: between decoding and answering, every hook
and check sees the stored form.
"""

from __future__ import annotations

from collections.abc import Callable

from kubern.api.resource import Resource
from kubern.base.json import Obj

Convert = Callable[[Obj], Obj]


def same(obj: Obj) -> Obj:
    """Convert nothing."""
    return obj


def to_served(stored: Resource, resource: Resource) -> Convert:
    """Return the function that turns a stored object (which it may change) into one of the version of `resource`."""
    if stored.api_version == resource.api_version:
        return same

    def convert(obj: Obj) -> Obj:
        if resource.conversion:
            resource.conversion.from_storage(obj)
        obj["apiVersion"] = resource.api_version
        return obj

    return convert


def to_stored(obj: Obj, resource: Resource, stored: Resource) -> None:
    """Turn an object of the version of `resource` into the stored form, in place."""
    if resource.conversion:
        resource.conversion.to_storage(obj)
    obj["apiVersion"] = stored.api_version
