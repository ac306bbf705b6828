"""The 403 of a request that authorization refused. Used by the pipeline and by impersonation."""

from __future__ import annotations

from kubern.apiserver.identity import User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import Forbidden


def forbidden(user: User, info: RequestInfo, reason: str) -> Forbidden:
    """Return upstream's 403 for a request that authorization refused."""
    if not info.is_resource:
        message = f'forbidden: User "{user.name}" cannot {info.verb} path "{info.path}"'
        return Forbidden(message + (f": {reason}" if reason else ""))
    qualified = f"{info.resource}.{info.group}" if info.group else info.resource
    path = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    scope = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    named = f' "{info.name}"' if info.name else ""
    message = (
        f'{qualified}{named} is forbidden: User "{user.name}" cannot {info.verb} resource "{path}" '
        f'in API group "{info.group}" {scope}'
    )
    return Forbidden(message + (f": {reason}" if reason else ""), kind=info.resource, group=info.group, name=info.name)
