"""JSON with line breaks for those who read it themselves: who asks for `pretty`, and curl, Wget and browsers, as upstream.

Around the apiserver's handler. What always holds: watches and what is no JSON of the API's own stay as they are.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from urllib.parse import parse_qs

import orjson

from kubern.http.answers import JSON_HEADERS
from kubern.http.contract import Answer, Handler, Request, Response

_READERS = ("curl", "Wget", "Mozilla/5.0")
"""How the User-Agent of a person begins."""
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_LARGE = 1 << 20
"""Bytes from which on the work is done in a thread: about 10 ms a MB."""


def wanted(request: Request) -> bool:
    """Whether the answer should be pretty: the query decides, else the Accept header, else who asks."""
    if "pretty" in request.query:
        asked = parse_qs(request.query).get("pretty", [""])[0]
        if asked:
            return asked in _TRUE
    headers = request.headers
    return "pretty=1" in headers.get("accept", "").replace(" ", "") or headers.get("user-agent", "").startswith(
        _READERS
    )


def prettied(handler: Handler) -> Handler:
    """Return a handler that answers as `handler` does, prettily where that is wanted."""

    def handle(request: Request) -> Answer | Awaitable[Answer]:
        answer = handler(request)
        if not wanted(request) or request.path.startswith("/openapi/"):
            return answer
        return _later(answer) if inspect.isawaitable(answer) or _is_large(answer) else _indented(answer)

    return handle


async def _later(answer: Answer | Awaitable[Answer]) -> Answer:
    done = await answer if inspect.isawaitable(answer) else answer
    return await asyncio.to_thread(_indented, done) if _is_large(done) else _indented(done)


def _is_large(answer: Answer) -> bool:
    return isinstance(answer, Response) and len(answer.body) > _LARGE


def _indented(answer: Answer) -> Answer:
    if not isinstance(answer, Response) or tuple(answer.headers[:2]) != JSON_HEADERS or not answer.body:
        return answer
    body = orjson.dumps(orjson.loads(bytes(answer.body)), option=orjson.OPT_INDENT_2)
    return answer._replace(body=body)
