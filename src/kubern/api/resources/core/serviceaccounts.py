"""ServiceAccount: the identity of what runs in a namespace."""

from __future__ import annotations

from kubern.api.resource import Resource, Subresource
from kubern.api.rules.cells import AGE, NAME

_COLUMNS = (NAME, AGE)


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
    columns=_COLUMNS,
)
