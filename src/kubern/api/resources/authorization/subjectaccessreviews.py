"""SubjectAccessReview: its facts."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.api.rules import cells

RESOURCE = Resource(
    group="authorization.k8s.io",
    version="v1",
    kind="SubjectAccessReview",
    plural="subjectaccessreviews",
    singular="subjectaccessreview",
    namespaced=False,
    schema="io.k8s.api.authorization.v1.SubjectAccessReview",
    verbs=("create",),
    stored=False,
    columns=(cells.NAME, cells.CREATED_AT),
)
