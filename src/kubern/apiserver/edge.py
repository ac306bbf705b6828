"""The outermost part of the apiserver: errors become `Status` here and nowhere else; who asks, does the request have to wait, how
long may it take, and what is counted of it.

`Edge.handle` is the `kubern.http` handler of the apiserver, over HTTPS and in-process alike; what is authenticated and has its turn
goes on to `pipeline.Pipeline`. What always holds: it never raises; an answer that has nothing to wait for is given synchronously,
without a task; seats that were taken are given back.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable

from kubern.apiserver.answers import JSON, Media, error_response
from kubern.apiserver.audit.record import identified
from kubern.apiserver.connections import told
from kubern.apiserver.core import Core
from kubern.apiserver.deadlines import Deadlines, Expired
from kubern.apiserver.elsewhere import CURRENT as ELSEWHERE
from kubern.apiserver.elsewhere import Elsewhere
from kubern.apiserver.flow.control import FlowControl, Place
from kubern.apiserver.flow.inflight import Inflight, is_mutating
from kubern.apiserver.flow.limits import Limits
from kubern.apiserver.identity import Authenticator, User
from kubern.apiserver.meters import Meters
from kubern.apiserver.options import parse_seconds
from kubern.apiserver.pipeline import Pipeline
from kubern.apiserver.request_info import RequestInfo, parse_request
from kubern.base.errors import BadRequest, InternalError, StatusError, Timeout, Unauthorized
from kubern.http.contract import Answer, Request, Response, Stream, StreamWriter, Tunnel, Upgrade

_log = logging.getLogger(__name__)
_SUCCESS, _ERROR = ("success",), ("error",)
_LONG_SUBRESOURCES = frozenset(("attach", "exec", "log", "portforward", "proxy"))


class Edge:
    """The apiserver's handler."""

    def __init__(
        self, core: Core, authenticate: Authenticator, pipeline: Pipeline, limits: Limits, meters: Meters
    ) -> None:
        self._core = core
        self._seconds = core.clock.monotonic
        self._authenticate = authenticate
        self._pipeline = pipeline
        self._flow, self._inflight, self._timeout = limits
        self._meters = meters
        self._counts = core.counts
        self._deadlines = Deadlines()

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer a request; never raises."""
        begun = self._seconds()
        info = parse_request(request.method, request.path, request.query)
        answer = self._attempt(request, info)
        if isinstance(answer, Response):
            self._meters.done(info, answer.status, len(answer.body), self._seconds() - begun)
            return answer
        if isinstance(answer, Stream):
            return self._counted(info, answer, begun)
        if isinstance(answer, (Tunnel, Upgrade)):
            return self._followed(info, answer, begun)
        return self._finish(request, info, answer, begun)

    def _attempt(self, request: Request, info: RequestInfo) -> Answer | Awaitable[Answer]:
        try:
            return self._begin(request, info)
        except StatusError as error:
            return self._refuse(request, error)
        except Exception as error:  # noqa: BLE001  the edge: a defect answers 500 and is logged
            return self._broken(request, error)

    async def _finish(self, request: Request, info: RequestInfo, answer: Awaitable[Answer], begun: float) -> Answer:
        kind = "mutating" if is_mutating(info) else "readOnly"
        self._meters.running[kind] += 1
        spent = Elsewhere()
        ELSEWHERE.set(spent)
        try:
            done = await self._in_time(request, info, answer)
        finally:
            self._meters.running[kind] -= 1
        if isinstance(done, Stream):
            return self._counted(info, done, begun)
        if not isinstance(done, Response):
            return self._followed(info, done, begun)
        self._meters.done(info, done.status, len(done.body), self._seconds() - begun, spent.seconds)
        return done

    async def _in_time(self, request: Request, info: RequestInfo, answer: Awaitable[Answer]) -> Answer:
        """Wait for an answer, but not longer than a request may take; long-running ones may take any time."""
        if is_long_running(info):
            return await self._mapped(request, answer)
        try:
            return await self._deadlines.within(self._allowed(info), self._mapped(request, answer))
        except TimeoutError as error:
            return self._broken(request, error)
        except Expired:
            return self._refuse(request, Timeout("Timeout: request did not complete within the allotted timeout"))

    async def _mapped(self, request: Request, answer: Awaitable[Answer]) -> Answer:
        try:
            return await answer
        except StatusError as error:
            return self._refuse(request, error)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001  the edge: a defect answers 500 and is logged
            return self._broken(request, error)

    def _allowed(self, info: RequestInfo) -> float:
        wanted = _wanted_timeout(info) if "timeout" in info.query else 0.0
        return min(wanted, self._timeout) if wanted > 0 else self._timeout

    def _begin(self, request: Request, info: RequestInfo) -> Answer | Awaitable[Answer]:
        if "timeout" in info.query and not is_long_running(info):
            _wanted_timeout(info)
        begun = self._seconds()
        try:
            user = self._authenticate(request)
        except Unauthorized:
            self._counts.authentication.observe(_ERROR, self._seconds() - begun)
            raise
        if inspect.isawaitable(user):
            return self._authenticated_later(request, info, user)
        if user is not None:
            self._counts.authentication.observe(_SUCCESS, self._seconds() - begun)
            self._counts.known(user.name)
        return self._enter(request, info, user)

    async def _authenticated_later(self, request: Request, info: RequestInfo, user: Awaitable[User | None]) -> Answer:
        answer = self._enter(request, info, await user)
        return await answer if inspect.isawaitable(answer) else answer

    def _enter(self, request: Request, info: RequestInfo, user: User | None) -> Answer | Awaitable[Answer]:
        """Let an authenticated request in as soon as its turn has come. A watch holds its seats only until its stream begins."""
        if user is None:
            raise Unauthorized("Unauthorized")
        identified(user)
        if is_long_running(info) and info.verb != "watch":
            return self._pipeline.answer(request, info, user)
        if self._flow is None:
            return self._counted_in(request, info, user)
        place = self._flow.enter(user, info)
        if place.turn is not None:
            return self._after_turn(place, request, info, user)
        return self._placed(place, request, info, user)

    async def _after_turn(self, place: Place, request: Request, info: RequestInfo, user: User) -> Answer:
        assert self._flow is not None
        await self._flow.wait(place)
        answer = self._placed(place, request, info, user)
        return await answer if inspect.isawaitable(answer) else answer

    def _placed(self, place: Place, request: Request, info: RequestInfo, user: User) -> Answer | Awaitable[Answer]:
        """Answer a request that has its seats."""
        assert self._flow is not None
        answer = self._tried(request, info, user)
        if inspect.isawaitable(answer):
            return self._held(self._flow, place, request, answer)
        self._flow.leave_soon(place)
        return _stamped(answer, place)

    async def _held(self, flow: FlowControl, place: Place, request: Request, answer: Awaitable[Answer]) -> Answer:
        begun = self._seconds()
        try:
            return _stamped(await self._mapped(request, answer), place)
        finally:
            flow.leave(place, self._seconds() - begun)

    def _tried(self, request: Request, info: RequestInfo, user: User) -> Answer | Awaitable[Answer]:
        try:
            return self._pipeline.answer(request, info, user)
        except StatusError as error:
            return self._refuse(request, error)
        except Exception as error:  # noqa: BLE001  the edge: a defect answers 500 and is logged
            return self._broken(request, error)

    def _counted_in(self, request: Request, info: RequestInfo, user: User) -> Answer | Awaitable[Answer]:
        """Answer under the plain limits; a watch counts only while it begins."""
        assert self._inflight is not None
        self._inflight.enter(user, info)
        answer = self._tried(request, info, user)
        if inspect.isawaitable(answer):
            return self._counted_out(self._inflight, info, answer)
        self._inflight.leave_soon(info)
        return answer

    @staticmethod
    async def _counted_out(inflight: Inflight, info: RequestInfo, answer: Awaitable[Answer]) -> Answer:
        try:
            return await answer
        finally:
            inflight.leave(info)

    def _followed(self, info: RequestInfo, answer: Tunnel | Upgrade, begun: float) -> Answer:
        """Return a connection that counts as a long-running request while it lasts."""
        meters, target = self._meters, self._meters.target(info)

        def begin() -> None:
            meters.long_running[target] = meters.long_running.get(target, 0) + 1

        def end() -> None:
            meters.long_running[target] -= 1
            meters.done(info, 101, 0, self._seconds() - begun)

        return told(answer, begin, end)

    def _counted(self, info: RequestInfo, stream: Stream, begun: float) -> Stream:
        """Return a stream that counts as a long-running request while it lasts."""
        meters, target = self._meters, self._meters.target(info)

        def start(writer: StreamWriter) -> None:
            meters.long_running[target] = meters.long_running.get(target, 0) + 1
            running.append(True)
            stream.start(writer)

        def stop() -> None:
            if running:
                meters.long_running[target] -= 1
            meters.done(info, stream.status, 0, self._seconds() - begun)
            stream.stop()

        running: list[bool] = []
        return Stream(stream.status, stream.headers, start, stop)

    def _refuse(self, request: Request, error: StatusError) -> Response:
        return error_response(error, self._media(request))

    def _broken(self, request: Request, error: Exception) -> Response:
        _log.error("request failed", exc_info=error, extra={"method": request.method, "path": request.path})
        return error_response(InternalError(f"Internal error occurred: {error}"), self._media(request))

    def _media(self, request: Request) -> Media:
        try:
            return self._core.negotiator.choose(request.headers.get("accept", ""))._replace(transform="")
        except StatusError:
            return JSON


def is_long_running(info: RequestInfo) -> bool:
    """Whether a request may last: watches, logs and connections into pods."""
    return info.verb == "watch" or info.subresource in _LONG_SUBRESOURCES or info.path.startswith("/debug/pprof/")


def _wanted_timeout(info: RequestInfo) -> float:
    """Return the query's `timeout` in seconds. Raises `BadRequest`."""
    try:
        return parse_seconds(info.first("timeout")) if info.first("timeout") else 0.0
    except ValueError as error:
        raise BadRequest(f"invalid timeout specified in the request URL: {error}") from error


def _stamped(answer: Answer, place: Place) -> Answer:
    """Return an answer with the headers that say how its request was classified."""
    if type(answer) is Response:
        return Response(answer.status, place.schema.stamped(answer.headers), answer.body, answer.gzip)
    if isinstance(answer, Stream):
        return answer._replace(headers=place.schema.stamped(answer.headers))
    return answer
