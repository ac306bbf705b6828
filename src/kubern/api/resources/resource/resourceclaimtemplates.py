"""ResourceClaimTemplate: its facts, defaults and checks."""

from __future__ import annotations

from kubern.api.metadata import check_accessories
from kubern.api.resource import Conversion, OtherVersion, Resource
from kubern.api.rules.checks import immutable
from kubern.api.rules.devices import check_requests, default_requests, template_from_v1beta1, template_to_v1beta1
from kubern.api.rules.values import part
from kubern.base.errors import Cause
from kubern.base.json import Obj


def default(obj: Obj) -> None:
    """Fill a template: each request of its claims is for one device."""
    default_requests(part(obj, "spec.spec"))


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ResourceClaimTemplate."""
    causes = check_accessories(part(obj, "spec.metadata"), "spec.metadata")
    return causes + check_requests(part(obj, "spec.spec"), "spec.spec")


def validate_update(new: Obj, old: Obj) -> list[Cause]:
    """Return what may not be changed: all of it."""
    return immutable(new.get("spec"), old.get("spec"), "spec")


RESOURCE = Resource(
    group="resource.k8s.io",
    version="v1",
    kind="ResourceClaimTemplate",
    plural="resourceclaimtemplates",
    singular="resourceclaimtemplate",
    namespaced=True,
    schema="io.k8s.api.resource.v1.ResourceClaimTemplate",
    other_versions=(
        OtherVersion("v1beta2", "io.k8s.api.resource.v1beta2.ResourceClaimTemplate"),
        OtherVersion(
            "v1beta1",
            "io.k8s.api.resource.v1beta1.ResourceClaimTemplate",
            Conversion(template_from_v1beta1, template_to_v1beta1),
        ),
    ),
    default=default,
    validate=validate,
    validate_update=validate_update,
)
