"""LocalSubjectAccessReview: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

RESOURCE = Resource(
    group="authorization.k8s.io",
    version="v1",
    kind="LocalSubjectAccessReview",
    plural="localsubjectaccessreviews",
    singular="localsubjectaccessreview",
    namespaced=True,
    schema="io.k8s.api.authorization.v1.LocalSubjectAccessReview",
    verbs=("create",),
    stored=False,
)
