"""TokenReview: its facts."""

from __future__ import annotations

from kubern.api.resource import Resource
from kubern.api.rules import cells

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
    columns=(cells.NAME, cells.CREATED_AT),
)
