"""SubjectAccessReview: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

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
)
