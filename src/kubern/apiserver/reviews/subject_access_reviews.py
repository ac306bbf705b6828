"""SubjectAccessReview: may this user do that?"""

from __future__ import annotations

from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.review import Review
from kubern.apiserver.reviewing import decided, user_of
from kubern.base.json import Obj


async def answer(core: Core, call: Call, asked: Obj) -> Obj:
    """Answer with the authorizer's decision on the user in the spec. Raises `BadRequest`."""
    return await decided(core, asked, user_of(asked.get("spec") or {}))


REVIEW = Review("subjectaccessreviews.authorization.k8s.io", answer)
