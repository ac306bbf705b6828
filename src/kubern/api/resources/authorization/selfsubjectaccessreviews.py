"""SelfSubjectAccessReview: its facts."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.api.rules import cells

RESOURCE = Resource(
    group="authorization.k8s.io",
    version="v1",
    kind="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    singular="selfsubjectaccessreview",
    namespaced=False,
    schema="io.k8s.api.authorization.v1.SelfSubjectAccessReview",
    verbs=("create",),
    stored=False,
    columns=(cells.NAME, cells.CREATED_AT),
)
