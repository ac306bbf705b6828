"""The built-in resources: `<group>/<plural>.py` exports one `RESOURCE` each, and `load` collects them."""

from __future__ import annotations

import sys

from kubern.api.resource import Resource
from kubern.base.scan import scan


def load() -> tuple[Resource, ...]:
    """Return every built-in resource in each of its served versions, in the order of its module's name.

    Raises `LookupError` when two modules claim the same group, version and plural.
    """
    declared = scan(sys.modules[__name__], "RESOURCE", Resource)
    resources = tuple(version for resource in declared for version in resource.versions())
    seen: set[tuple[str, str, str]] = set()
    for resource in resources:
        key = (resource.group, resource.version, resource.plural)
        if key in seen:
            raise LookupError(f"{resource.api_version} {resource.plural} is declared twice")
        seen.add(key)
    return resources
