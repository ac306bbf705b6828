"""TokenReview: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource

RESOURCE = Resource(
    group="authentication.k8s.io",
    version="v1",
    kind="TokenReview",
    plural="tokenreviews",
    singular="tokenreview",
    namespaced=False,
    schema="io.k8s.api.authentication.v1.TokenReview",
    verbs=("create",),
    stored=False,
)
