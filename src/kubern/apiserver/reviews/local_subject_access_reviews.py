"""LocalSubjectAccessReview: may this user do that in this namespace?"""

from __future__ import annotations

from kubern.api.rules.access_reviews import check_local, check_metadata, check_user
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.review import Review
from kubern.apiserver.reviewing import check, decided, user_of
from kubern.base.json import Obj


async def answer(core: Core, call: Call, asked: Obj) -> Obj:
    """Answer with the decision on the user in the spec. Raises `Invalid`, also for another namespace's question."""
    spec = asked.get("spec") or {}
    about = check_metadata(asked.get("metadata"), local=True)
    check(spec, *check_user(spec), *about, *check_local(spec, call.namespace))
    return await decided(core, asked, user_of(spec))


REVIEW = Review("localsubjectaccessreviews.authorization.k8s.io", answer)
