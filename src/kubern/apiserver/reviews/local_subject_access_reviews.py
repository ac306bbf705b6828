"""LocalSubjectAccessReview: may this user do that in this namespace?"""

from __future__ import annotations

from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.review import Review
from kubern.apiserver.reviewing import decided, user_of
from kubern.base.errors import BadRequest
from kubern.base.json import Obj


async def answer(core: Core, call: Call, asked: Obj) -> Obj:
    """Answer with the decision on the user in the spec. Raises `BadRequest`, also for another namespace's question."""
    spec = asked.get("spec") or {}
    if ((spec.get("resourceAttributes") or {}).get("namespace") or "") != call.namespace:
        raise BadRequest("spec.resourceAttributes.namespace must match namespace: " + call.namespace)
    return await decided(core, asked, user_of(spec))


REVIEW = Review("localsubjectaccessreviews.authorization.k8s.io", answer)
