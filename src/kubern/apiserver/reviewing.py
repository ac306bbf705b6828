"""What the reviews of access share: from a review's spec to a question for the authorizer, and a user in the API's shape."""

from __future__ import annotations

import inspect

from kubern.api import field
from kubern.api.rules.access_reviews import check_question
from kubern.apiserver.core import Core
from kubern.apiserver.identity import User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import Cause
from kubern.base.json import Obj


def check(spec: Obj, *more: Cause) -> None:
    """Refuse a review that asks nothing, or for which there is `more` against it. Raises `Invalid`."""
    causes = [*check_question(spec), *more]
    if causes:
        # upstream's decoded reviews have forgotten their kind, and so their refusals do not name it
        raise field.invalid_error("", "authorization.k8s.io", "", causes)


def user_of(spec: Obj) -> User:
    """Return the user that a SubjectAccessReview asks about."""
    return User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "", spec.get("extra") or {})


def question(spec: Obj) -> RequestInfo:
    """Return the request that a review's spec, which has been checked, describes."""
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if other is not None:
        return RequestInfo(False, other.get("verb") or "", other.get("path") or "")
    resource = resource or {}
    return RequestInfo(
        True, resource.get("verb") or "", "", resource.get("group") or "", resource.get("version") or "",
        resource.get("namespace") or "", resource.get("resource") or "", resource.get("name") or "",
        resource.get("subresource") or "",
    )  # fmt: skip


async def decided(core: Core, asked: Obj, user: User) -> Obj:
    """Return a review with its status filled in."""
    decision = core.authorizer(user, question(asked.get("spec") or {}))
    if inspect.isawaitable(decision):
        decision = await decision
    status: Obj = {"allowed": decision.allowed}
    if decision.reason:
        status["reason"] = decision.reason
    return asked | {"status": status}
