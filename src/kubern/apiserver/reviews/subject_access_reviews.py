"""SubjectAccessReview: may this user do that?"""

from __future__ import annotations

from kubern.api.rules.access_reviews import check_metadata, check_user
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.review import Review
from kubern.apiserver.reviewing import check, decided, user_of
from kubern.base.json import Obj


async def answer(core: Core, call: Call, asked: Obj) -> Obj:
    """Answer with the authorizer's decision on the user in the spec. Raises `Invalid`."""
    spec = asked.get("spec") or {}
    check(spec, *check_user(spec), *check_metadata(asked.get("metadata")))
    return await decided(core, asked, user_of(spec))


REVIEW = Review("subjectaccessreviews.authorization.k8s.io", answer)
