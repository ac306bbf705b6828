"""SelfSubjectReview: its facts."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.api.rules import cells

RESOURCE = Resource(
    group="authentication.k8s.io",
    version="v1",
    kind="SelfSubjectReview",
    plural="selfsubjectreviews",
    singular="selfsubjectreview",
    namespaced=False,
    schema="io.k8s.api.authentication.v1.SelfSubjectReview",
    verbs=("create",),
    stored=False,
    columns=(cells.NAME, cells.CREATED_AT),
)
