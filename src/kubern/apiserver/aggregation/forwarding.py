"""Passing a request on to the server behind an APIService: answers, watches and upgrades are streamed.

Called by the pipeline after authentication and authorization. What always holds: who asks is told in headers that only the holder of the
front-proxy certificate can send; the client's own credentials, and such headers of its own, end here. No server can send a client
elsewhere: an answer that redirects is answered 502.
"""

from __future__ import annotations

import inspect

from kubern.apiserver.aggregation.extensions import FAILURES, Extensions, identity_headers
from kubern.apiserver.aggregation.remote import Remote
from kubern.apiserver.identity import User
from kubern.http.answers import text_response
from kubern.http.client import HOP_BY_HOP, Fetched, fetch, request_head, tunnel
from kubern.http.contract import Answer, Handler, Peer, Request, Response, Tunnel
from kubern.http.relay import forwarded_headers, is_upgrade
from kubern.http.streaming import produced

UNAVAILABLE = "service unavailable\n"
REDIRECTED = "the backend attempted to redirect this request, which is not permitted"
_WHOLE = 1 << 20
"""An answer of a known length up to this many bytes is passed on whole."""


async def forward(extensions: Extensions, remote: Remote, request: Request, user: User) -> Answer:
    """Answer a request by the server behind `remote`."""
    if not remote.available:
        return text_response(503, UNAVAILABLE)
    handler = extensions.attached(remote)
    if handler is not None:
        return await _answered_here(handler, request, user)
    target = request.raw_path or request.path
    if request.query:
        target += f"?{request.query}"
    headers = [pair for pair in forwarded_headers(request) if not pair[0].startswith("x-remote-")]
    headers += identity_headers(user)
    try:
        channel, host = await extensions.connect(remote)
    except FAILURES as error:
        return _unreachable(error)
    headers = [("Host", host), *headers, ("X-Forwarded-For", request.peer.address or "127.0.0.1")]
    try:
        if is_upgrade(request):
            headers += [("Connection", "Upgrade"), ("Upgrade", request.headers.get("upgrade", ""))]
            return _not_elsewhere(await tunnel(channel, request_head(request.method, target, headers)))
        fetched = await fetch(channel, request.method, target, headers, request.body)
    except (*FAILURES, ValueError) as error:
        channel.abort()
        return _unreachable(error)
    return await _passed_back(fetched, request.method)


async def _answered_here(handler: Handler, request: Request, user: User) -> Answer:
    answered = handler(request._replace(peer=Peer(request.peer.address, user=user, memo={})))
    return await answered if inspect.isawaitable(answered) else answered


def _unreachable(error: Exception) -> Response:
    return text_response(503, f"error trying to reach service: {error}\n")


def _redirects(status: int, location: str) -> bool:
    return 300 <= status < 400 and bool(location)


def _not_elsewhere(answer: Tunnel | Response) -> Tunnel | Response:
    """Return an answer to a change of protocol, unless it sends the client, with its credentials, somewhere else."""
    if isinstance(answer, Response) and _redirects(answer.status, dict(answer.headers).get("location", "")):
        return text_response(502, REDIRECTED)
    return answer


async def _passed_back(fetched: Fetched, method: str) -> Answer:
    head = fetched.head
    if _redirects(head.status, head.get("location")):
        fetched.close()
        return text_response(502, REDIRECTED)
    headers = tuple((n, v) for n, v in head.headers if n not in HOP_BY_HOP and n not in ("content-length", "date"))
    length = head.get("content-length")
    if method == "HEAD" or head.status in (204, 304):
        fetched.close()
        return Response(head.status, headers)
    if length.isdigit() and int(length) <= _WHOLE:
        try:
            body = b"".join([part async for part in fetched.body()])
        except ConnectionError as error:
            return _unreachable(error)
        finally:
            fetched.close()
        return Response(head.status, headers, body)
    return produced(head.status, headers, fetched.copy_to, fetched.close)
