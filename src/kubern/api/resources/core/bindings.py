"""Binding: the older way to say on which node a pod runs; answered and never kept."""

from __future__ import annotations

from kubern.api import field
from kubern.api.resource import Resource
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate_binding(binding: Obj) -> list[Cause]:
    """Return what is wrong with a binding: it must name a node."""
    target = binding.get("target") or {}
    causes: list[Cause] = []
    if target.get("kind") not in (None, "", "Node"):
        causes.append(field.not_supported("target.kind", target["kind"], ["Node", "<empty>"]))
    if not target.get("name"):
        causes.append(field.required("target.name"))
    return causes


RESOURCE = Resource(
    group="",
    version="v1",
    kind="Binding",
    plural="bindings",
    singular="binding",
    namespaced=True,
    schema="io.k8s.api.core.v1.Binding",
    verbs=("create",),
    stored=False,
    validate=validate_binding,
)
