"""What a file in `subresources/` exports as SUBRESOURCE: adding a subresource is adding one file.

The pipeline looks a handler up by (group, resource, subresource), then by subresource alone, after authorization and after
it has checked that the resource's declaration offers the subresource with the request's verb.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from kubern.apiserver.call import Call
from kubern.http.contract import Answer

if TYPE_CHECKING:
    from kubern.apiserver.core import Core

Serve = Callable[["Core", Call], "Answer | Awaitable[Answer]"]


class SubresourceHandler(NamedTuple):
    """A subresource's name and the function that answers it, whatever the method.

    `resources` are plurals with their group (`pods`, `deployments.apps`) that this handler is for; empty: every resource that
    declares the subresource. `serve` raises `StatusError`s.
    """

    name: str
    serve: Serve
    resources: tuple[str, ...] = ()
