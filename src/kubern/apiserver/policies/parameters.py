"""The objects that a binding gives its policy as `params`."""

from __future__ import annotations

from typing import NamedTuple

from kubern.api.resource import Resource
from kubern.api.selectors import selects
from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.conversion import to_served
from kubern.apiserver.core import Core
from kubern.base.json import Obj


class ParameterError(Exception):
    """A binding's parameters cannot be found: the policy's failurePolicy says what becomes of the request."""


class Parameters(NamedTuple):
    """What to evaluate with: each of `objects` in turn; [None] for a policy without parameters, none: nothing to evaluate."""

    objects: list[Obj | None]


def parameters(attributes: Attributes, kind: Obj | None, reference: Obj | None) -> Parameters:
    """Return the parameters that a binding's paramRef names. Raises `ParameterError`."""
    if not kind or not reference:
        return Parameters([None])
    core = attributes.core
    resource = _resource(core, kind)
    namespace = _namespace(attributes, resource, reference)
    if reference.get("name"):
        entry = core.storage(resource).find(namespace, reference["name"])
        entries = [entry] if entry else []
    else:
        selector = reference.get("selector")
        entries = [each for each in core.storage(resource).cache.select(namespace) if selects(selector, each.labels)]
    if not entries and reference.get("parameterNotFoundAction") == "Deny":
        raise ParameterError("no params found for policy binding with `Deny` parameterNotFoundAction")
    convert = to_served(core.storage(resource).resource, resource)
    return Parameters([convert(entry.obj()) for entry in entries])


def _resource(core: Core, kind: Obj) -> Resource:
    for resource in core.resources.values():
        if resource.stored and (resource.api_version, resource.kind) == (kind.get("apiVersion"), kind.get("kind")):
            return resource
    group, _, version = str(kind.get("apiVersion")).rpartition("/")
    raise ParameterError(f"paramKind kind `{group}/{version}, Kind={kind.get('kind')}` not known")


def _namespace(attributes: Attributes, resource: Resource, reference: Obj) -> str:
    given = str(reference.get("namespace") or "")
    if not resource.namespaced:
        if given:
            raise ParameterError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
        return ""
    if given:
        return given
    if not attributes.namespace or not attributes.resource.namespaced:
        raise ParameterError("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
    return attributes.namespace
