"""What is said with every answer about a version of a resource that will go: a `Warning` header, and a note in the audit log.

Source: the documentation "Deprecated API Migration Guide" and KEP-1693.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from kubern.apiserver.answers import warning_headers
from kubern.apiserver.audit.record import CURRENT, annotate
from kubern.apiserver.call import Call
from kubern.base.errors import StatusError
from kubern.http.contract import Answer, Response, Stream


def warned(serve: Callable[[Call], Answer | Awaitable[Answer]], call: Call) -> Answer | Awaitable[Answer]:
    """Serve a call and add the warning to its answer, or to the error that it raises."""
    text = call.resource.deprecated
    if CURRENT.get() is not None:
        annotate("k8s.io/deprecated", "true")
    try:
        answer = serve(call)
    except StatusError as error:
        raise _said(error, text) from None
    return _later(answer, text) if inspect.isawaitable(answer) else _with(answer, text)


async def _later(answer: Awaitable[Answer], text: str) -> Answer:
    try:
        return _with(await answer, text)
    except StatusError as error:
        raise _said(error, text) from None


def _said(error: StatusError, text: str) -> StatusError:
    error.warnings = (text, *error.warnings)
    return error


def _with(answer: Answer, text: str) -> Answer:
    if isinstance(answer, Response | Stream):
        return answer._replace(headers=(*answer.headers, *warning_headers([text])))
    return answer
