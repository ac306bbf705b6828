"""CustomResourceDefinition: its facts, defaults, checks and columns."""

from __future__ import annotations

from datetime import datetime

from kubern.api import field, names
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.cel_rules import has_rules, rule_problems
from kubern.api.rules.checks import immutable, named, one_of
from kubern.api.rules.conditions import condition, with_condition
from kubern.api.rules.crd_names import check_conversion, check_names
from kubern.api.rules.values import at, fill_empty, items, part, section
from kubern.api.structs import DEFINITION_VERSION, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

APPROVED = "api-approved.kubernetes.io"
FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


def default(obj: Obj) -> None:
    """Fill a definition: names made from the kind, no conversion, webhooks on port 443."""
    spec = section(obj, "spec")
    given = section(spec, "names")
    kind = given.get("kind") or ""
    if kind:
        fill_empty(given, singular=kind.lower(), listKind=f"{kind}List")
    conversion = section(spec, "conversion")
    fill_empty(conversion, strategy="None")
    service = at(conversion, "webhook.clientConfig.service")
    if service is not None:
        fill_empty(service, port=443)


def prepare_create(obj: Obj) -> None:
    """Remember in which versions objects may have been stored."""
    obj["status"] = {"storedVersions": _stored(obj)}


def prepare_update(new: Obj, old: Obj) -> None:
    """Remember one more version when another one became the storage version."""
    status = dict(old.get("status") or {})
    known = status.get("storedVersions") or []
    new["status"] = status | {"storedVersions": known + [name for name in _stored(new) if name not in known]}


def prepare_delete(obj: Obj, now: datetime) -> None:
    """Hold a definition that is to be deleted until its objects are gone."""
    finalizers = obj["metadata"].setdefault("finalizers", [])
    if FINALIZER not in finalizers:
        finalizers.append(FINALIZER)
    message = "CustomResourceDefinition marked for deletion; CustomResource deletion will be initiated soon"
    pending = condition("Terminating", True, "InstanceDeletionPending", message, now)
    obj["status"] = with_condition(obj.get("status") or {}, pending)


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a definition."""
    spec, name = part(obj, "spec"), obj["metadata"].get("name") or ""
    group, plural = spec.get("group") or "", at(spec, "names.plural") or ""
    causes = []
    if name != f"{plural}.{group}":
        causes.append(field.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    causes += _check_group(group, "spec.group")
    causes += one_of(spec, "scope", "spec.", ("Cluster", "Namespaced"))
    causes += _check_approval(obj, group)
    if spec.get("preserveUnknownFields"):
        message = (
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        )
        causes.append(field.invalid("spec.preserveUnknownFields", True, message))
    causes += _check_versions(spec.get("versions") or [], "spec.versions")
    causes += check_names(part(spec, "names"), "spec.names")
    return causes + check_conversion(part(spec, "conversion"), "spec.conversion")


def validate_create(obj: Obj) -> list[Cause]:
    """Return which rules of a new definition may cost too much, and that none of its versions stores."""
    causes = _check_costs(at(obj, "spec.versions") or [], [])
    if not _stored(obj):
        causes.append(field.invalid("status.storedVersions", None, "must have at least one stored version"))
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the group and plural always, scope and kind once the names are accepted."""
    now, was = part(new, "spec"), part(old, "spec")
    causes = immutable(now.get("group"), was.get("group"), "spec.group")
    causes += immutable(at(now, "names.plural"), at(was, "names.plural"), "spec.names.plural")
    causes += _check_stored(new)
    causes += _check_costs(now.get("versions") or [], was.get("versions") or [])
    if _established(old):
        causes += immutable(now.get("scope"), was.get("scope"), "spec.scope")
        causes += immutable(at(now, "names.kind"), at(was, "names.kind"), "spec.names.kind")
    return causes


def validate_status_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what a status may not say: a version that objects may be stored in cannot be forgotten while it is the storage version."""
    stored = at(new, "status.storedVersions") or []
    path = "status.storedVersions"
    current = _stored(new)
    causes = [] if stored else [field.invalid(path, stored, "must have at least one stored version")]
    missing = [name for name in current if name not in stored]
    if stored and missing:
        causes.append(field.invalid(path, stored, f"must have the storage version {missing[0]}"))
    return causes + _check_stored(new)


def _check_stored(obj: Obj) -> list[Cause]:
    """Check that every version in which objects may be stored is still there."""
    names = {version.get("name") for _, version in items(obj, "spec.versions")}
    return [
        field.invalid(
            f"status.storedVersions[{i}]",
            name,
            f"missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage "
            f"migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions",
        )
        for i, name in items(obj, "status.storedVersions")
        if name not in names
    ]


def _check_approval(obj: Obj, group: str) -> list[Cause]:
    """Check that a group of the community's own says who approved of the definition."""
    if not protected(group) or (at(obj, "metadata.annotations") or {}).get(APPROVED):
        return []
    message = f'protected groups must have approval annotation "{APPROVED}", see https://github.com/kubernetes/enhancements/pull/1111'
    return [field.required(f"metadata.annotations[{APPROVED}]", message)]


def protected(group: str) -> bool:
    """Whether a group belongs to the Kubernetes community, so that its definitions need an approval."""
    return group in ("k8s.io", "kubernetes.io") or group.endswith((".k8s.io", ".kubernetes.io"))


def _established(obj: Obj) -> bool:
    found = (c for _, c in items(obj, "status.conditions"))
    return any(c.get("type") == "Established" and c.get("status") == "True" for c in found)


def _stored(obj: Obj) -> list[str]:
    return [version.get("name") or "" for _, version in items(obj, "spec.versions") if version.get("storage")]


def _check_group(group: str, path: str) -> list[Cause]:
    if not group:
        return [field.required(path, "")]
    causes = named(group, path, names.dns1123_subdomain)
    if "." not in group:
        causes.append(field.invalid(path, group, "should be a domain with at least one dot"))
    return causes


def _check_versions(versions: list[Obj], path: str) -> list[Cause]:
    causes = []
    for i, version in enumerate(versions):
        causes += named(version.get("name") or "", f"{path}[{i}].name", names.dns1035_label)
        if at(version, "schema.openAPIV3Schema") is None:
            causes.append(field.required(f"{path}[{i}].schema.openAPIV3Schema"))
    causes += _check_contents(versions)
    # what all versions share is shown as the definition's own, not as theirs: the usual case stands for all
    shown = [struct({**version, "schema": None, "subresources": None}, DEFINITION_VERSION) for version in versions]
    if len({version.get("name") for version in versions}) < len(versions):
        causes.append(field.invalid(path, shown, "must contain unique version names"))
    if sum(bool(version.get("storage")) for version in versions) != 1:
        causes.append(field.invalid(path, shown, "must have exactly one version marked as storage version"))
    if versions:
        causes += named(versions[0].get("name") or "", "spec.version", names.dns1035_label)
    return causes


def _check_costs(versions: list[Obj], before: list[Obj]) -> list[Cause]:
    """Check what the rules of sound schemas may cost that were not there before."""
    from kubern.api.rules.crd_costs import cost_problems  # CEL is loaded by those who use it
    from kubern.api.rules.crd_schema import check_schema
    from kubern.api.rules.crd_versions import Places

    known, causes = {version.get("name"): version.get("schema") for version in before}, []
    for i, version in enumerate(versions):
        schema, places = at(version, "schema.openAPIV3Schema"), Places.of(versions, i)
        shared = i > 0 and places.schema == "spec.validation"
        fresh = schema is not None and known.get(version.get("name")) != version.get("schema")
        if fresh and not shared and not check_schema(schema, "") and has_rules(schema):
            causes += cost_problems(schema, f"{places.schema}.openAPIV3Schema")
    return causes


def _check_contents(versions: list[Obj]) -> list[Cause]:
    # loaded with the first definition, not at start-up
    from kubern.api.rules.crd_schema import check_schema
    from kubern.api.rules.crd_versions import Places, check_version

    causes = []
    for i, version in enumerate(versions):
        places = Places.of(versions, i)
        schema = at(version, "schema.openAPIV3Schema")
        # what all versions share is looked at, and told, once
        if schema is not None and (i == 0 or places.schema != "spec.validation"):
            here = f"{places.schema}.openAPIV3Schema"
            wrong = check_schema(schema, here, at(version, "subresources.status") is not None)
            causes += wrong or rule_problems(schema, here, root=True)
        causes += check_version(version, places, shared=i == 0)
    return causes


COLUMNS: tuple[Column, ...] = (cells.NAME, cells.CREATED_AT)


RESOURCE = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    singular="customresourcedefinition",
    namespaced=False,
    schema="io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    short_names=("crd", "crds"),
    categories=("api-extensions",),
    subresources=(STATUS,),
    generation=True,
    storage_prefix="apiextensions.k8s.io/customresourcedefinitions",
    columns=COLUMNS,
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_delete=prepare_delete,
    validate=validate,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status_update=validate_status_update,
)
