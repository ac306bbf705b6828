"""From a request and its user to the answer: may they → which verb, subresource or path.

Called by `edge.Edge`, where errors become answers. What always holds: an answer that has nothing to wait for is given
synchronously, without a task.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from kubern.api.codec import ACCEPTED, unsupported
from kubern.api.resource import Resource
from kubern.apiserver.aggregation.forwarding import forward
from kubern.apiserver.aggregation.remote import group_version_of
from kubern.apiserver.audit.record import CURRENT, annotate
from kubern.apiserver.call import Call
from kubern.apiserver.conversion_webhook import converted
from kubern.apiserver.core import Core
from kubern.apiserver.deprecation import warned
from kubern.apiserver.freshness import Freshness
from kubern.apiserver.identity import Decision, User
from kubern.apiserver.presenting import media_of
from kubern.apiserver.refusal import forbidden
from kubern.apiserver.request_info import RequestInfo
from kubern.apiserver.subresource import SubresourceHandler
from kubern.apiserver.verb import Verb
from kubern.base.errors import InternalError, MethodNotAllowed, NotFound
from kubern.http.answers import text_response
from kubern.http.contract import Answer, Request
from kubern.http.routes import RouteTable
from kubern.store.contract import StoreError

_log = logging.getLogger(__name__)

Route = Callable[[Request, RequestInfo], "Answer | Awaitable[Answer]"]
"""Answers a non-resource path."""
Routes = RouteTable[Route]

_ALLOWED, _DENIED = ("allowed",), ("denied",)
_METHODS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Pipeline:
    """Authorizes requests and hands them to what answers them."""

    def __init__(
        self,
        core: Core,
        routes: Routes,
        verbs: Iterable[Verb],
        subresources: Iterable[SubresourceHandler],
    ) -> None:
        self._core = core
        self._seconds = core.clock.monotonic
        self._decisions = core.counts.authorization
        self._routes = routes
        self._verbs: Mapping[str, Verb] = {verb.name: verb for verb in verbs}
        self._subresources: dict[tuple[str, str], SubresourceHandler] = {}
        for handler in subresources:
            for resource in handler.resources or ("",):
                self._subresources[resource, handler.name] = handler

    def answer(self, request: Request, info: RequestInfo, user: User) -> Answer | Awaitable[Answer]:
        """Answer a request of a known user. Raises `StatusError`s, also from what it returns."""
        begun = self._seconds()
        decision = self._core.authorizer(user, info)
        if inspect.isawaitable(decision):
            return self._authorized_later(request, info, user, decision)
        self._decisions.observe(_ALLOWED if decision.allowed else _DENIED, self._seconds() - begun)
        return self._authorized(request, info, user, decision)

    async def _authorized_later(
        self, request: Request, info: RequestInfo, user: User, decision: Awaitable[Decision]
    ) -> Answer:
        answer = self._authorized(request, info, user, await decision)
        return await answer if inspect.isawaitable(answer) else answer

    def _authorized(
        self, request: Request, info: RequestInfo, user: User, decision: Decision
    ) -> Answer | Awaitable[Answer]:
        if CURRENT.get() is not None:
            annotate("authorization.k8s.io/decision", "allow" if decision.allowed else "forbid")
            annotate("authorization.k8s.io/reason", decision.reason)
        if not decision.allowed:
            raise forbidden(user, info, decision.reason)
        remotes = self._core.extensions.remotes
        if remotes:
            key = (info.group, info.version) if info.is_resource else group_version_of(info.path)
            remote = remotes.get(key)
            if remote is not None:
                return forward(self._core.extensions, remote, request, user)
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
        if (
            request.body
            and not self._core.config.cbor
            and request.headers.get("content-type", "").partition(";")[0].endswith("cbor")
        ):
            raise unsupported(ACCEPTED)
        call = Call(request, info, user, resource)
        return warned(self._now, call) if resource.deprecated else self._now(call)

    def _now(self, call: Call) -> Answer | Awaitable[Answer]:
        freshness = self._core.freshness
        if freshness is not None and _asks_for_now(self._core, call):
            return self._caught_up(freshness, call)
        return self._serve(call)

    async def _caught_up(self, freshness: Freshness, call: Call) -> Answer:
        try:
            await freshness.catch_up()
        except StoreError as error:
            raise InternalError(f"Internal error occurred: {error}") from error
        answer = self._serve(call)
        return await answer if inspect.isawaitable(answer) else answer

    def _serve(self, call: Call) -> Answer | Awaitable[Answer]:
        info, resource = call.info, call.resource
        if call.request.method == "HEAD" and info.subresource != "proxy":
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if info.subresource:
            return self._subresource(call)
        verb = self._verbs.get(info.verb)
        if verb is None or (info.verb not in resource.verbs and resource.stored):
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        if not resource.stored:
            return self._unstored(call)
        media_of(self._core, call)  # an answer that the client cannot read is refused before anything is written
        if self._core.converters and resource.storage_prefix in self._core.converters:
            return converted(lambda: verb.serve(self._core, call))
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
        if self._core.converters and resource.storage_prefix in self._core.converters:
            return converted(lambda: handler.serve(self._core, call))
        return handler.serve(self._core, call)

    def _unstored(self, call: Call) -> Answer | Awaitable[Answer]:
        """Answer for a resource that is answered and never kept: its handler is registered under its own name, without subresource."""
        handler = self._subresources.get((call.resource.group_resource, ""))
        if handler is None:
            raise NotFound("the server could not find the requested resource")
        if call.info.verb not in call.resource.verbs:
            raise MethodNotAllowed("the server does not allow this method on the requested resource")
        return handler.serve(self._core, call)


def _asks_for_now(core: Core, call: Call) -> bool:
    """Whether a request is about the present: everything but reads of some revision, and new objects in a namespace that is known."""
    info = call.info
    if info.verb == "create" and not info.subresource:
        return call.resource.stored and bool(call.namespace) and core.namespace(call.namespace) is None
    return call.resource.stored and not (info.verb in ("get", "list", "watch") and info.first("resourceVersion"))


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
