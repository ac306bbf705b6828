"""Namespace: its phase, its own finalizer and the label that carries its name."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import ALL_VERBS, STATUS, Resource, Subresource
from kubern.api.rules.cells import AGE, NAME, text
from kubern.base.errors import Cause
from kubern.base.json import Obj

NAME_LABEL = "kubernetes.io/metadata.name"
FINALIZER = "kubernetes"


def _default(namespace: Obj) -> None:
    """Keep the label with the name, which selectors of namespaces rely on."""
    metadata = namespace.setdefault("metadata", {})
    if metadata.get("name"):
        metadata["labels"] = {**(metadata.get("labels") or {}), NAME_LABEL: metadata["name"]}


def _prepare_create(namespace: Obj) -> None:
    """Start active, held by the finalizer that the namespace's clean-up takes away."""
    # a name made from generateName was not there yet when the defaults were filled in
    _default(namespace)
    namespace["status"] = {"phase": "Active"}
    spec = namespace["spec"] = dict(namespace.get("spec") or {})
    finalizers = list(spec.get("finalizers") or ())
    spec["finalizers"] = finalizers if FINALIZER in finalizers else [*finalizers, FINALIZER]


def _prepare_update(new: Obj, old: Obj) -> None:
    """The finalizers change through `/finalize` only."""
    new["spec"] = dict(old.get("spec") or {})


def _validate(namespace: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for i, name in enumerate((namespace.get("spec") or {}).get("finalizers") or ()):
        path = f"spec.finalizers[{i}]"
        causes += [field.invalid(path, name, message) for message in names.qualified_name(name)]
        if "/" not in name and name != FINALIZER:
            causes.append(
                field.invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")
            )
    return causes


def _validate_status(new: Obj, old: Obj) -> list[Cause]:
    phase, dying = (new.get("status") or {}).get("phase"), (new.get("metadata") or {}).get("deletionTimestamp")
    if dying and phase != "Terminating":
        message = "may only be 'Terminating' if `deletionTimestamp` is not empty"
        return [field.invalid("status.Phase", phase, message)]
    if not dying and phase != "Active":
        message = "may only be 'Active' if `deletionTimestamp` is empty"
        return [field.invalid("status.Phase", phase, message)]
    return []


def _fields(namespace: Obj) -> dict[str, str]:
    return {"status.phase": (namespace.get("status") or {}).get("phase") or ""}


RESOURCE = Resource(
    group="",
    version="v1",
    kind="Namespace",
    plural="namespaces",
    singular="namespace",
    namespaced=False,
    schema="io.k8s.api.core.v1.Namespace",
    short_names=("ns",),
    verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
    subresources=(
        Subresource("finalize", ("update",)),
        STATUS,
    ),
    columns=(NAME, text("Status", "status.phase", "Whether it is in use or being deleted."), AGE),
    default=_default,
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    validate=_validate,
    validate_status_update=_validate_status,
    fields=_fields,
    validate_name=names.dns1123_label,
)
