"""SelfSubjectAccessReview: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

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
)
