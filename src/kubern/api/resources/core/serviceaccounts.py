"""ServiceAccount: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import Resource, Subresource

RESOURCE = Resource(
    group="",
    version="v1",
    kind="ServiceAccount",
    plural="serviceaccounts",
    singular="serviceaccount",
    namespaced=True,
    schema="io.k8s.api.core.v1.ServiceAccount",
    short_names=("sa",),
    subresources=(Subresource("token", ("create",), "TokenRequest", "authentication.k8s.io", "v1"),),
)
