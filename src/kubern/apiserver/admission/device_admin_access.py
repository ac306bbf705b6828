"""Devices that are in use may be had for administration only where the namespace says so with a label.

Upstream checks it where a claim or a template is stored; here it is a plug-in because strategies know no namespaces.
"""

from __future__ import annotations

from kubern.api import field
from kubern.api.rules.values import at, items
from kubern.apiserver.admission_chain import Admission, Attributes

LABEL = "resource.kubernetes.io/admin-access"
GROUP = "resource.k8s.io"
_WHY = f"admin access to devices requires the `{LABEL}: true` label on the containing namespace"


def check(attributes: Attributes) -> None:
    """Look at the first request that asks for it. Raises `Invalid`, which names a template's field as upstream does: like a claim's."""
    template = attributes.resource.plural == "resourceclaimtemplates"
    spec = at(attributes.obj or {}, "spec.spec" if template else "spec") or {}
    wanting = [
        f"spec.devices.requests[{number}].adminAccess"
        for number, request in items(spec, "devices.requests")
        if (request.get("exactly") or {}).get("adminAccess")
    ]
    if not wanting:
        return
    namespace = attributes.core.find("namespaces", "", attributes.namespace)
    labels = (namespace.obj()["metadata"].get("labels") or {}) if namespace is not None else {}
    if labels.get(LABEL) != "true":
        cause = field.forbidden(wanting[0], _WHY)
        raise field.invalid_error(attributes.resource.kind, GROUP, attributes.name, [cause])


ADMISSION = Admission(
    "DeviceAdminAccess",
    910,
    ("CREATE",),
    (f"resourceclaims.{GROUP}", f"resourceclaimtemplates.{GROUP}"),
    validate=check,
)
