"""Is an object's metadata well-formed? Names, labels, annotations, owners and finalizers, in upstream's words.

Called by the registry for every object that is written, and by resources with templates. Pure; the metadata is not changed.
"""

from __future__ import annotations

from collections.abc import Callable

from kubern.api import field, names
from kubern.api.structs import Struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

MOST_ANNOTATIONS = 256 * 1024
"""Bytes of all annotations' keys and values together."""

_STANDARD_FINALIZERS = frozenset(("kubernetes", "orphan", "foregroundDeletion"))


def check_metadata(
    metadata: Obj, namespaced: bool, validate_name: Callable[[str], list[str]] | None = None, path: str = "metadata"
) -> list[Cause]:
    """Return what is wrong with metadata whose name has been generated already, if it was to be.

    `validate_name` gives the messages for a bad name; None: a DNS-1123 subdomain.
    """
    check = validate_name or names.dns1123_subdomain
    causes: list[Cause] = []
    base, name, namespace = metadata.get("generateName"), metadata.get("name"), metadata.get("namespace")
    if base:
        masked = names.mask_trailing_dash(base)
        causes += [field.invalid(f"{path}.generateName", base, message) for message in check(masked)]
    if not name:
        causes.append(field.required(f"{path}.name", "name or generateName is required"))
    else:
        causes += [field.invalid(f"{path}.name", name, message) for message in check(name)]
    if namespaced:
        if not namespace:
            causes.append(field.required(f"{path}.namespace"))
        else:
            causes += [field.invalid(f"{path}.namespace", namespace, m) for m in names.dns1123_label(namespace)]
    elif namespace:
        causes.append(field.forbidden(f"{path}.namespace", "not allowed on this type"))
    return causes + check_accessories(metadata, path)


ACCESSORIES = ("labels", "annotations", "ownerReferences", "finalizers")


def check_accessories(metadata: Obj, path: str = "metadata") -> list[Cause]:
    """Return what is wrong with everything but the name: what an update may have changed."""
    causes = check_labels(metadata.get("labels"), f"{path}.labels")
    causes += check_annotations(metadata.get("annotations"), f"{path}.annotations")
    causes += check_owners(metadata.get("ownerReferences"), f"{path}.ownerReferences")
    return causes + check_finalizers(metadata.get("finalizers"), f"{path}.finalizers")


def check_labels(labels: Obj | None, path: str) -> list[Cause]:
    """Return what is wrong with a map of labels."""
    causes: list[Cause] = []
    for key, value in (labels or {}).items():
        causes += [field.invalid(path, key, message) for message in names.qualified_name(key)]
        causes += [field.invalid(path, value, message) for message in names.label_value(value)]
    return causes


def check_annotations(annotations: Obj | None, path: str) -> list[Cause]:
    """Return what is wrong with a map of annotations: their keys, and their size together."""
    if not annotations:
        return []
    causes: list[Cause] = []
    size = 0
    for key, value in annotations.items():
        causes += [field.invalid(path, key, message) for message in names.qualified_name(key.lower())]
        size += len(key) + (len(value) if value.isascii() else len(value.encode()))
    if size > MOST_ANNOTATIONS:
        causes.append(field.too_long(path, MOST_ANNOTATIONS))
    return causes


def _shown(owner: Obj) -> Struct:
    names = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
    return Struct((name, owner[name]) for name in names if name in owner)


def check_owners(owners: list[Obj] | None, path: str) -> list[Cause]:
    """Return what is wrong with ownerReferences: each complete, at most one of them the controller."""
    causes: list[Cause] = []
    controllers: list[str] = []
    for owner in owners or ():
        version = owner.get("apiVersion") or ""
        if not version.rpartition("/")[2]:
            causes.append(field.invalid(f"{path}.apiVersion", version, "version must not be empty"))
        for key in ("kind", "name", "uid"):
            if not owner.get(key):
                causes.append(field.invalid(f"{path}.{key}", owner.get(key) or "", "must not be empty"))
        if owner.get("kind") == "Event" and version in ("v1", "events.k8s.io/v1"):
            shown = f"{version if '/' in version else '/' + version}, Kind=Event"
            causes.append(field.invalid(path, _shown(owner), f"{shown} is disallowed from being an owner"))
        if owner.get("controller"):
            controllers.append(owner.get("name") or "")
    if len(controllers) > 1:
        found = f'Found "true" in references for {controllers[0]} and {controllers[1]}'
        causes.append(
            field.invalid(
                path,
                [_shown(owner) for owner in owners or ()],
                f"Only one reference can have Controller set to true. {found}",
            )
        )
    return causes


def check_finalizers(finalizers: list[str] | None, path: str) -> list[Cause]:
    """Return what is wrong with finalizers."""
    given = finalizers or []
    causes = [field.invalid(path, name, message) for name in given for message in names.qualified_name(name)]
    if "orphan" in given and "foregroundDeletion" in given:
        causes.append(field.invalid(path, given, "finalizer orphan and foregroundDeletion cannot be both set"))
    return causes


def check_unqualified(finalizers: list[str] | None, path: str) -> list[Cause]:
    """Return a cause for each finalizer of a built-in object that neither upstream nor a domain stands for."""
    message = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        field.invalid(f"{path}[{i}]", name, message)
        for i, name in enumerate(finalizers or ())
        if "/" not in name and name not in _STANDARD_FINALIZERS
    ]


def finalizer_warnings(metadata: Obj, path: str = "metadata") -> list[str]:
    """Return the warnings for finalizers that no domain qualifies."""
    return [
        f"{path}.finalizers: {field.quote(name)}: prefer a domain-qualified finalizer name including a path (/) to avoid "
        "accidental conflicts with other finalizer writers"
        for name in metadata.get("finalizers") or ()
        if "/" not in name and name not in _STANDARD_FINALIZERS
    ]
