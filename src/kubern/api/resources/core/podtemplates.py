"""PodTemplate: a pod's specification kept for others to copy."""

from __future__ import annotations

from kubern.api.podspec.defaults import default_pod_template
from kubern.api.podspec.validation import validate_pod_template
from kubern.api.resource import Resource
from kubern.api.rules.cells import NAME, column, containers, labels_text
from kubern.api.rules.values import at
from kubern.base.errors import Cause
from kubern.base.json import Obj


def _default(obj: Obj) -> None:
    default_pod_template(obj.setdefault("template", {}))


def _validate(obj: Obj) -> list[Cause]:
    return validate_pod_template(obj.get("template"), "template")


_CONTAINERS, _IMAGES = containers("template.spec")


RESOURCE = Resource(
    group="",
    version="v1",
    kind="PodTemplate",
    plural="podtemplates",
    singular="podtemplate",
    namespaced=True,
    schema="io.k8s.api.core.v1.PodTemplate",
    generation=True,
    columns=(
        NAME,
        _CONTAINERS._replace(priority=0),
        _IMAGES._replace(priority=0),
        column("Pod Labels", lambda obj: labels_text(at(obj, "template.metadata.labels")), "The labels of its pods."),
    ),
    default=_default,
    validate=_validate,
)
