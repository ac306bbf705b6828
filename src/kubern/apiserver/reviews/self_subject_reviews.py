"""SelfSubjectReview: who am I? (`kubectl auth whoami`)"""

from __future__ import annotations

from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.identity import user_info
from kubern.apiserver.review import Review
from kubern.base.clock import rfc3339
from kubern.base.json import Obj


def answer(core: Core, call: Call, asked: Obj) -> Obj:
    """Answer with the caller."""
    metadata = (asked.get("metadata") or {}) | {"creationTimestamp": rfc3339(core.clock.now())}
    return asked | {"metadata": metadata, "status": {"userInfo": user_info(call.user)}}


REVIEW = Review("selfsubjectreviews.authentication.k8s.io", answer)
