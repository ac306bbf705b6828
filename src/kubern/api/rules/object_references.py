"""References to an object by group, kind or resource, and name. Called by the checks of networking; wording is upstream's."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.rules.checks import named
from kubern.base.errors import Cause
from kubern.base.json import Obj


def check_reference(reference: Obj, path: str, kind: str = "kind", group: str = "apiGroup") -> list[Cause]:
    """Return what is wrong with a reference whose fields are called `kind` and `group`: it needs a kind and a name."""
    causes = []
    if reference.get(group):
        causes += named(reference[group], f"{path}.{group}", names.dns1123_subdomain)
    for part in (kind, "name"):
        value, here = reference.get(part) or "", f"{path}.{part}"
        causes += named(value, here, names.path_segment) if value else [field.required(here, "")]
    return causes
