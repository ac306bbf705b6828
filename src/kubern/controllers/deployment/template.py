"""Pod templates: when two are equal, and the short hash that names a ReplicaSet after its template. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from kubern.base.json import Obj
from kubern.controllers.deployment.model import HASH_LABEL, by_age

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no digits that look like them: no words come out by accident."""


def template_hash(template: Obj, collisions: int = 0) -> str:
    """Return the hash of a pod template; `collisions` (status.collisionCount) gives another one when a name was taken."""
    digest = 2166136261  # FNV-1a, 32 bits
    for byte in orjson.dumps(template, option=orjson.OPT_SORT_KEYS) + (b"%d" % collisions if collisions else b""):
        digest = ((digest ^ byte) * 16777619) & 0xFFFFFFFF
    return "".join(_ALPHABET[int(digit) % len(_ALPHABET)] for digit in str(digest))


def same_template(one: Obj, other: Obj) -> bool:
    """Say whether two templates are equal but for the hash label."""
    return _plain(one) == _plain(other)


def _plain(template: Obj) -> Obj:
    meta = {name: value for name, value in (template.get("metadata") or {}).items() if value}
    labels = {name: value for name, value in (meta.get("labels") or {}).items() if name != HASH_LABEL}
    meta.pop("creationTimestamp", None)
    return {**template, "metadata": {**meta, "labels": labels}}


def find_new(deployment: Obj, replica_sets: Iterable[Obj]) -> Obj | None:
    """Return the ReplicaSet that has the Deployment's template, the oldest if there are several."""
    wanted = _plain(deployment["spec"]["template"])
    for replica_set in by_age(replica_sets):
        if _plain(replica_set["spec"]["template"]) == wanted:
            return replica_set
    return None
