"""IngressClass: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import domain_path, immutable, named, one_of
from kubern.api.rules.object_references import check_reference
from kubern.api.rules.values import at, fill
from kubern.base.errors import Cause
from kubern.base.json import Obj

_MAX_CONTROLLER = 250


def default(obj: Obj) -> None:
    """Fill an IngressClass: its parameters are a cluster's."""
    parameters = at(obj, "spec.parameters")
    if parameters is not None:
        fill(parameters, scope="Cluster")


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with an IngressClass."""
    spec = obj.get("spec") or {}
    controller, path = spec.get("controller") or "", "spec.controller"
    if not controller:
        causes = [field.required(path, "")]
    elif len(controller) > _MAX_CONTROLLER:
        causes = [field.too_long(path, _MAX_CONTROLLER)]
    else:
        causes = domain_path(controller, path)
    parameters = spec.get("parameters")
    return causes if parameters is None else causes + _check_parameters(parameters, "spec.parameters")


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the controller."""
    return immutable(at(new, "spec.controller"), at(old, "spec.controller"), "spec.controller")


def _check_parameters(parameters: Obj, path: str) -> list[Cause]:
    causes = check_reference(parameters, path)
    causes += one_of(parameters, "scope", f"{path}.", ("Cluster", "Namespace"))
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope == "Namespace" and namespace is None:
        causes.append(field.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'"))
    elif scope == "Namespace":
        causes += named(namespace, f"{path}.namespace", names.dns1123_label)
    if scope == "Cluster" and namespace is not None:
        causes.append(field.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'"))
    return causes


def _parameters(obj: Obj) -> str:
    found = at(obj, "spec.parameters")
    if not found:
        return cells.NONE
    group = f".{found['apiGroup']}" if found.get("apiGroup") else ""
    return f"{found.get('kind')}{group}/{found.get('name')}"


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("Controller", "spec.controller", "Who serves ingresses of this class."),
    cells.column("Parameters", _parameters, "What configures the controller."),
    cells.AGE,
)


RESOURCE = Resource(
    group="networking.k8s.io",
    version="v1",
    kind="IngressClass",
    plural="ingressclasses",
    singular="ingressclass",
    namespaced=False,
    schema="io.k8s.api.networking.v1.IngressClass",
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
    validate_update=validate_update,
)
