"""Between the form that a resource is stored in and the other versions that it is served in.

Used by the forms (stored → served) and by `decoding` (served → stored). What always holds: between decoding and answering, every hook
and check sees the stored form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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

    return _Conversion(resource)


class _Conversion:
    """Converts from the stored form; `prepare` is told of all objects that are about to be converted."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def __call__(self, obj: Obj) -> Obj:
        resource = self._resource
        if resource.conversion:
            resource.conversion.from_storage(obj)
        obj["apiVersion"] = resource.api_version
        return obj

    def prepare(self, objects: Sequence[Obj]) -> None:
        """Raise what a conversion of several objects raises, once for all of them."""
        conversion = self._resource.conversion
        if conversion is not None and conversion.prepare is not None:
            conversion.prepare(objects)


def to_stored(obj: Obj, resource: Resource, stored: Resource) -> None:
    """Turn an object of the version of `resource` into the stored form, in place."""
    if resource.conversion:
        resource.conversion.to_storage(obj)
    obj["apiVersion"] = stored.api_version
