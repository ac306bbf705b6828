"""One authorized API request on its way to a verb or a subresource."""

from __future__ import annotations

from typing import NamedTuple

from kubern.api.resource import Resource
from kubern.apiserver.identity import User
from kubern.apiserver.request_info import RequestInfo
from kubern.http.contract import Request


class Call(NamedTuple):
    """A resource request with everything that is known before its body is read."""

    request: Request
    info: RequestInfo
    user: User
    resource: Resource

    @property
    def namespace(self) -> str:
        """The namespace asked for; empty for cluster-scoped resources and lists over all namespaces."""
        return self.info.namespace if self.resource.namespaced else ""
