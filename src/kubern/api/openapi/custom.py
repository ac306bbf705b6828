"""What OpenAPI documents say of custom resources: a kind's own schema with the fields that every object has around it.

Used by the documents. What always holds: the schema that is handed in is not changed; the version 2 form holds only what kubectl's
validation by Swagger understands, and lets pass what that cannot express. Source: the Kubernetes documentation,
"Publish Validation Schema in OpenAPI".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubern.api.resource import Resource
from kubern.base.json import Obj

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"

_API_VERSION = "Which version of this representation of an object it is, with its group."
_KIND = "Which kind of object it is, in CamelCase; it cannot be changed."
_METADATA = "What every object has: its name, labels, owners and times."
_NOT_IN_V2 = ("anyOf", "oneOf", "allOf", "not", "nullable", "x-kubernetes-validations")


def definitions_v3(resource: Resource) -> dict[str, Obj]:
    """Return the definitions of a custom kind and of its list as OpenAPI 3 has them."""
    return _definitions(resource, lambda schema: schema, _reference_v3)


def definitions_v2(resource: Resource) -> dict[str, Obj]:
    """Return the definitions of a custom kind and of its list as Swagger 2 has them."""
    return _definitions(resource, _simplified, _reference_v2)


_Refer = Callable[[str, str], Obj]


def _definitions(resource: Resource, render: Callable[[Obj], Obj], refer: _Refer) -> dict[str, Obj]:
    assert resource.structural is not None
    kind = {"group": resource.group, "version": resource.version}
    own = _with_identity(_embedded(render(resource.structural.schema), refer), refer(OBJECT_META, _METADATA))
    listed = {
        "description": f"{resource.kind}List is a list of {resource.kind}",
        "type": "object",
        "required": ["items"],
        "properties": _identity(refer(LIST_META, _METADATA))
        | {
            "items": {
                "type": "array",
                "description": f"The {resource.plural} that were asked for.",
                "items": refer(resource.schema, ""),
            }
        },
    }
    group_kind = "x-kubernetes-group-version-kind"
    return {
        resource.schema: own | {group_kind: [kind | {"kind": resource.kind}]},
        f"{resource.schema}List": listed
        | {group_kind: [kind | {"kind": resource.list_kind or f"{resource.kind}List"}]},
    }


def _identity(metadata: Obj) -> Obj:
    return {
        "apiVersion": {"type": "string", "description": _API_VERSION},
        "kind": {"type": "string", "description": _KIND},
        "metadata": metadata,
    }


def _with_identity(schema: Obj, metadata: Obj) -> Obj:
    return schema | {"properties": schema.get("properties", {}) | _identity(metadata)}


def _reference_v2(name: str, description: str) -> Obj:
    reference: Obj = {"$ref": f"#/definitions/{name}"}
    return reference | {"description": description} if description else reference


def _reference_v3(name: str, description: str) -> Obj:
    reference: Obj = {"$ref": f"#/components/schemas/{name}"}
    return {"description": description, "allOf": [reference]} if description else reference


def _embedded(schema: Obj, refer: _Refer) -> Obj:
    """Return a schema whose embedded objects have the fields that every object has."""

    def around(one: Obj) -> Obj:
        if one.get("x-kubernetes-embedded-resource"):
            return _with_identity(one, refer(OBJECT_META, _METADATA))
        return one

    return _mapped(schema, around)


def _simplified(schema: Obj) -> Obj:
    return _mapped(schema, _simplify)


def _simplify(schema: Obj) -> Obj:
    """Return one schema, not looking below it, without what Swagger has no words for."""
    kept = {key: value for key, value in schema.items() if key not in _NOT_IN_V2}
    if schema.get("nullable"):
        kept = {key: value for key, value in kept.items() if key not in ("type", "items", "properties")}
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        kept = {key: value for key, value in kept.items() if key not in ("items", "properties", "required")}
    if schema.get("x-kubernetes-int-or-string"):
        kept.pop("type", None)
    return kept


def _mapped(schema: Obj, change: Callable[[Obj], Obj]) -> Obj:
    """Return a schema with every schema in it changed, those below first."""
    below: dict[str, Any] = {}
    if isinstance(schema.get("properties"), dict):
        below["properties"] = {name: _mapped(one, change) for name, one in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            below[key] = _mapped(schema[key], change)
    return change(schema | below)
