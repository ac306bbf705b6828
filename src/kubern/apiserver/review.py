"""What a file in `reviews/` exports as REVIEW: the answer to a resource that is asked and never kept.

The pipeline calls it after authorization, for `create`, the only verb that such resources have.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from kubern.apiserver import reviews
from kubern.apiserver.admitting import admit
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import read_object
from kubern.apiserver.options import write_options
from kubern.apiserver.presenting import show
from kubern.apiserver.subresource import SubresourceHandler
from kubern.base.json import Obj
from kubern.base.scan import scan
from kubern.http.contract import Answer


class Review(NamedTuple):
    """`answer(core, call, asked)` returns the object to answer with. `resource` is a plural with its group."""

    resource: str
    answer: Callable[[Core, Call, Obj], Obj | Awaitable[Obj]]


def reviewers() -> list[SubresourceHandler]:
    """Return a handler for every review."""
    return [
        SubresourceHandler("", _Serving(review).serve, (review.resource,)) for review in scan(reviews, "REVIEW", Review)
    ]


class _Serving:
    """Decodes the question and encodes the answer of one review."""

    def __init__(self, review: Review) -> None:
        self._review = review

    async def serve(self, core: Core, call: Call) -> Answer:
        warnings: list[str] = []
        options = write_options(call.info, "CreateOptions")
        asked = read_object(core, call, options, warnings)
        await admit(core, call, asked, None, options, warnings)
        answer = self._review.answer(core, call, asked)
        if inspect.isawaitable(answer):
            answer = await answer
        return show(core, call, answer, 201, warnings)
