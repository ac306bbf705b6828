"""SelfSubjectRulesReview: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

RESOURCE = Resource(
    group="authorization.k8s.io",
    version="v1",
    kind="SelfSubjectRulesReview",
    plural="selfsubjectrulesreviews",
    singular="selfsubjectrulesreview",
    namespaced=False,
    schema="io.k8s.api.authorization.v1.SelfSubjectRulesReview",
    verbs=("create",),
    stored=False,
)
