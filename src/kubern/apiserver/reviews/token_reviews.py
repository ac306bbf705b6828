"""TokenReview: whose token is this? Asked by the kubelet and by webhooks."""

from __future__ import annotations

from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.identity import user_info
from kubern.apiserver.review import Review
from kubern.base.errors import BadRequest, Unauthorized
from kubern.base.json import Obj


def answer(core: Core, call: Call, asked: Obj) -> Obj:
    """Answer with the token's user. Raises `BadRequest` without a token."""
    spec = asked.get("spec") or {}
    token = spec.get("token") or ""
    if not token:
        raise BadRequest("token is required for TokenReview in authentication")
    security = core.security
    try:
        known = security.bearer.check(token, tuple(spec.get("audiences") or ()))
    except Unauthorized as error:
        return asked | {"status": {"user": {}, "error": error.message}}
    status: Obj = {"authenticated": True, "user": user_info(known.user)}
    if known.audiences:
        status["audiences"] = list(known.audiences)
    return asked | {"status": status}


REVIEW = Review("tokenreviews.authentication.k8s.io", answer)
