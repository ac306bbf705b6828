"""SelfSubjectAccessReview: may I do that? (`kubectl auth can-i`)"""

from __future__ import annotations

from kubern.api.rules.access_reviews import check_metadata
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.review import Review
from kubern.apiserver.reviewing import check, decided
from kubern.base.json import Obj


async def answer(core: Core, call: Call, asked: Obj) -> Obj:
    """Answer with the decision on the caller. Raises `Invalid`."""
    check(asked.get("spec") or {}, *check_metadata(asked.get("metadata")))
    return await decided(core, asked, call.user)


REVIEW = Review("selfsubjectaccessreviews.authorization.k8s.io", answer)
