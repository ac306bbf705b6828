"""SelfSubjectReview: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

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
)
