"""ConfigMap: keys that can be files' names, a bound on the size, and an immutable form."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Resource
from kubern.api.rules.cells import AGE, NAME, column
from kubern.base.errors import Cause
from kubern.base.json import Obj

MOST_BYTES = 1024 * 1024
"""What the values of a ConfigMap (or Secret) may hold together."""

_FROZEN = "field is immutable when `immutable` is set"


def _validate(config: Obj) -> list[Cause]:
    data, binary = config.get("data") or {}, config.get("binaryData") or {}
    causes: list[Cause] = []
    size = 0
    for name, values in (("data", data), ("binaryData", binary)):
        for key, value in values.items():
            causes += [field.invalid(f"{name}[{key}]", key, message) for message in names.config_map_key(key)]
            if name == "data" and key in binary:
                causes.append(field.invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
            size += len(value.encode()) if name == "data" else len(value) * 3 // 4
    if size > MOST_BYTES:
        causes.append(field.too_long("[]", MOST_BYTES))
    return causes


def _validate_update(new: Obj, old: Obj) -> list[Cause]:
    return check_frozen(new, old, ("data", "binaryData"))


def check_frozen(new: Obj, old: Obj, parts: tuple[str, ...]) -> list[Cause]:
    """Return what an update of a ConfigMap or Secret marked immutable has changed."""
    if not old.get("immutable"):
        return []
    causes = [] if new.get("immutable") else [field.forbidden("immutable", _FROZEN)]
    return causes + [field.forbidden(part, _FROZEN) for part in parts if (new.get(part) or {}) != (old.get(part) or {})]


def _count(config: Obj) -> int:
    return len(config.get("data") or ()) + len(config.get("binaryData") or ())


RESOURCE = Resource(
    group="",
    version="v1",
    kind="ConfigMap",
    plural="configmaps",
    singular="configmap",
    namespaced=True,
    schema="io.k8s.api.core.v1.ConfigMap",
    short_names=("cm",),
    columns=(NAME, column("Data", _count, "How many values it holds."), AGE),
    validate=_validate,
    validate_update=_validate_update,
)
