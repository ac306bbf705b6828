"""Between the served versions of one stored resource, by what its declaration says in `conversion`.

Used by the forms (stored → served) and the verbs (served → stored). What always holds: converting there and back loses
nothing; what arrives in the stored form has that form's defaults, which are those of every version.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from kubern.api.resource import Conversion, Resource
from kubern.base.json import Obj

Convert = Callable[[Obj], Obj]


def same(obj: Obj) -> Obj:
    """Convert nothing."""
    return obj


def converter(source: Resource, target: Resource) -> Convert:
    """Return the function that turns objects of one served version into another's. Its argument stays as it is."""
    if source.api_version == target.api_version:
        return same
    if {source.conversion, target.conversion} <= {None, Conversion()} and target.conversion is not None:
        return lambda obj: obj | {"apiVersion": target.api_version}

    def convert(obj: Obj) -> Obj:
        converted: Obj = orjson.loads(orjson.dumps(obj))
        if source.conversion is not None:
            source.conversion.to_storage(converted)
            target.default(converted)
        if target.conversion is not None:
            target.conversion.from_storage(converted)
        converted["apiVersion"] = target.api_version
        return converted

    return convert
