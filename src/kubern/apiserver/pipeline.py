"""From a request to its answer: path → who → may they → which verb or subresource; errors become `Status` here and nowhere else.

`Pipeline.handle` is the `kubern.http` handler of the apiserver, over HTTPS and in-process alike. What always holds: an answer
that has nothing to wait for is given synchronously, without a task.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from kubern.api.resource import Resource
from kubern.apiserver.answers import JSON, Media, error_response, text_response
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.identity import Authenticator, Decision, User
from kubern.apiserver.presenting import media_of
from kubern.apiserver.refusal import forbidden
from kubern.apiserver.request_info import RequestInfo, parse_request
from kubern.apiserver.subresource import SubresourceHandler
from kubern.apiserver.verb import Verb
from kubern.base.errors import InternalError, MethodNotAllowed, NotFound, StatusError, Unauthorized
from kubern.http.contract import Answer, Request, Response

_log = logging.getLogger(__name__)

Route = Callable[[Request, RequestInfo], "Answer | Awaitable[Answer]"]
"""Answers a non-resource path."""

_METHODS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Routes:
    """The non-resource paths: exact ones and, for those that end in `/*`, everything below."""

    def __init__(self) -> None:
        self._exact: dict[str, Route] = {}
        self._below: list[tuple[str, Route]] = []

    def add(self, path: str, route: Route) -> None:
        """Let `route` answer `path`."""
        if path.endswith("/*"):
            self._below.append((path[:-1], route))
        else:
            self._exact[path] = route

    def remove(self, path: str) -> None:
        """Answer an exact path no longer."""
        del self._exact[path]

    def find(self, path: str) -> Route | None:
        """Return what answers `path`, or None."""
        route = self._exact.get(path) or self._exact.get(path.rstrip("/"))
        if route:
            return route
        return next((route for prefix, route in self._below if path.startswith(prefix)), None)

    def paths(self) -> list[str]:
        """Return every exact path, for the index at `/`."""
        return sorted(self._exact)


class Pipeline:
    """The apiserver's handler."""

    def __init__(
        self,
        core: Core,
        authenticate: Authenticator,
        routes: Routes,
        verbs: Iterable[Verb],
        subresources: Iterable[SubresourceHandler],
    ) -> None:
        self._core = core
        self._authenticate = authenticate
        self._routes = routes
        self._verbs: Mapping[str, Verb] = {verb.name: verb for verb in verbs}
        self._subresources: dict[tuple[str, str], SubresourceHandler] = {}
        for handler in subresources:
            for resource in handler.resources or ("",):
                self._subresources[resource, handler.name] = handler

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer a request; never raises."""
        try:
            answer = self._begin(request)
        except StatusError as error:
            return self._refuse(request, error)
        except Exception as error:  # noqa: BLE001  the edge: a defect answers 500 and is logged
            return self._broken(request, error)
        return self._finish(request, answer) if inspect.isawaitable(answer) else answer

    async def _finish(self, request: Request, answer: Awaitable[Answer]) -> Answer:
        try:
            return await answer
        except StatusError as error:
            return self._refuse(request, error)
        except Exception as error:  # noqa: BLE001  the edge: a defect answers 500 and is logged
            return self._broken(request, error)

    def _begin(self, request: Request) -> Answer | Awaitable[Answer]:
        user = self._authenticate(request)
        info = parse_request(request.method, request.path, request.query)
        if inspect.isawaitable(user):
            return self._authenticated_later(request, info, user)
        return self._authenticated(request, info, user)

    async def _authenticated_later(self, request: Request, info: RequestInfo, user: Awaitable[User | None]) -> Answer:
        answer = self._authenticated(request, info, await user)
        return await answer if inspect.isawaitable(answer) else answer

    def _authenticated(self, request: Request, info: RequestInfo, user: User | None) -> Answer | Awaitable[Answer]:
        if user is None:
            raise Unauthorized("Unauthorized")
        decision = self._core.authorizer(user, info)
        if inspect.isawaitable(decision):
            return self._authorized_later(request, info, user, decision)
        return self._authorized(request, info, user, decision)

    async def _authorized_later(
        self, request: Request, info: RequestInfo, user: User, decision: Awaitable[Decision]
    ) -> Answer:
        answer = self._authorized(request, info, user, await decision)
        return await answer if inspect.isawaitable(answer) else answer

    def _authorized(
        self, request: Request, info: RequestInfo, user: User, decision: Decision
    ) -> Answer | Awaitable[Answer]:
        if not decision.allowed:
            raise forbidden(user, info, decision.reason)
        if not info.is_resource:
            route = self._routes.find(info.path)
            return route(request, info) if route else text_response(404, "404 page not found\n")
        return self._dispatch(request, info, user)

    def _dispatch(self, request: Request, info: RequestInfo, user: User) -> Answer | Awaitable[Answer]:
        """Answer an authorized request for a resource."""
        resource = self._core.resources.get((info.group, info.version, info.resource))
        if resource is None:
            if not any(key[:2] == (info.group, info.version) for key in self._core.built_in):
                return text_response(404, "404 page not found\n")
            raise NotFound("the server could not find the requested resource")
        _check_shape(resource, info)
        call = Call(request, info, user, resource)
        if info.subresource:
            return self._subresource(call)
        verb = self._verbs.get(info.verb)
        if verb is None or (info.verb not in resource.verbs and resource.stored):
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if not resource.stored:
            return self._unstored(call)
        media_of(self._core, call)  # an answer that the client cannot read is refused before anything is written
        return verb.serve(self._core, call)

    def _subresource(self, call: Call) -> Answer | Awaitable[Answer]:
        info, resource = call.info, call.resource
        declared = next((sub for sub in resource.subresources if sub.name == info.subresource), None)
        handler = self._subresources.get((resource.group_resource, info.subresource)) or self._subresources.get(
            ("", info.subresource)
        )
        if declared is None or handler is None:
            raise NotFound("the server could not find the requested resource")
        if _METHODS.get(call.request.method) not in declared.verbs:
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        return handler.serve(self._core, call)

    def _unstored(self, call: Call) -> Answer | Awaitable[Answer]:
        """Answer for a resource that is answered and never kept: its handler is registered under its own name, without subresource."""
        handler = self._subresources.get((call.resource.group_resource, ""))
        if handler is None:
            raise NotFound("the server could not find the requested resource")
        if call.info.verb not in call.resource.verbs:
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        return handler.serve(self._core, call)

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


def _check_shape(resource: Resource, info: RequestInfo) -> None:
    """Raise `NotFound` for a path that no such resource has, `MethodNotAllowed` for one that this verb does not have."""
    named = info.verb not in ("list", "watch", "deletecollection") and bool(info.name)
    if resource.namespaced:
        if not info.namespace and named:
            raise NotFound("the server could not find the requested resource")
    elif info.namespace and info.resource != "namespaces":
        raise NotFound("the server could not find the requested resource")
    if info.subresource:
        return
    homeless = resource.namespaced and not info.namespace and info.verb not in ("get", "list", "watch")
    misnamed = (info.verb == "create" and named) or (info.verb in ("update", "patch") and not named)
    if homeless or misnamed:
        raise MethodNotAllowed("the server does not allow this method on the requested resource")
