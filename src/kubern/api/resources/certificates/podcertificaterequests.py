"""PodCertificateRequest: its facts and columns."""

from __future__ import annotations

from collections.abc import Mapping

from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import immutable
from kubern.api.rules.values import at, items
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: all that was asked for."""
    return immutable(new.get("spec"), old.get("spec"), "spec")


def fields(obj: Obj) -> Mapping[str, str]:
    """Return the field selector's values."""
    return {f"spec.{name}": at(obj, f"spec.{name}") or "" for name in ("signerName", "podName", "nodeName")}


def _state(obj: Obj) -> str:
    for _, condition in items(obj, "status.conditions"):
        if condition.get("type") in ("Denied", "Failed", "Issued"):
            return str(condition["type"])
    return "Pending"


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("PodName", "spec.podName", "The pod that the certificate is for."),
    cells.text("ServiceAccountName", "spec.serviceAccountName", "The pod's account."),
    cells.text("NodeName", "spec.nodeName", "The pod's node."),
    cells.text("SignerName", "spec.signerName", "Who is asked to sign."),
    cells.column("State", _state, "What has become of the request."),
)


RESOURCE = Resource(
    group="certificates.k8s.io",
    version="v1beta1",
    kind="PodCertificateRequest",
    plural="podcertificaterequests",
    singular="podcertificaterequest",
    namespaced=True,
    schema="io.k8s.api.certificates.v1beta1.PodCertificateRequest",
    subresources=(STATUS,),
    columns=COLUMNS,
    validate_update=validate_update,
    fields=fields,
)
