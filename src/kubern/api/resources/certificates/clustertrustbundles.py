"""ClusterTrustBundle: its facts, checks and columns."""

from __future__ import annotations

from collections.abc import Mapping

from kubern.api import field, names
from kubern.api.resource import Column, OtherVersion, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable
from kubern.api.rules.values import at, part
from kubern.base.errors import Cause
from kubern.base.json import Obj

_PREFIX_MISSING = "ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}"


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ClusterTrustBundle."""
    name, signer, bundle = (
        obj["metadata"].get("name") or "",
        at(obj, "spec.signerName") or "",
        at(obj, "spec.trustBundle") or "",
    )
    causes, prefix = [], signer.replace("/", ":") + ":"
    if signer and not name.startswith(prefix):
        causes.append(field.invalid("metadata.name", name, _PREFIX_MISSING.format(signer=signer, prefix=prefix)))
    if not signer and ":" in name:
        message = 'ClusterTrustBundle without signer name must not have ":" in its name'
        causes.append(field.invalid("metadata.name", name, message))
    if "-----BEGIN CERTIFICATE-----" not in bundle:
        message = "at least one trust anchor must be provided"
        causes.append(field.invalid("spec.trustBundle", field.OMITTED, message))
    return causes


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: the signer."""
    return immutable(part(new, "spec").get("signerName"), part(old, "spec").get("signerName"), "spec.signerName")


def validate_name(name: str) -> list[str]:
    """A name may hold the signer's, with a colon for its slash."""
    return names.path_segment(name)


def fields(obj: Obj) -> Mapping[str, str]:
    """Return the field selector's values."""
    return {"spec.signerName": at(obj, "spec.signerName") or ""}


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("SignerName", "spec.signerName", "Whose anchors these are.", missing=cells.NONE),
)


RESOURCE = Resource(
    group="certificates.k8s.io",
    version="v1beta1",
    kind="ClusterTrustBundle",
    plural="clustertrustbundles",
    singular="clustertrustbundle",
    namespaced=False,
    schema="io.k8s.api.certificates.v1beta1.ClusterTrustBundle",
    other_versions=(OtherVersion("v1alpha1", "io.k8s.api.certificates.v1alpha1.ClusterTrustBundle"),),
    columns=COLUMNS,
    validate=validate,
    validate_update=validate_update,
    validate_name=validate_name,
    fields=fields,
)
