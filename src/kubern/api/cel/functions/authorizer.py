"""Kubernetes' authorizer: `authorizer.group('apps').resource('deployments').namespace('x').check('create').allowed()`."""

from __future__ import annotations

from typing import Any

from kubern.api.cel.authorization import Authorizer, Check, Verdict
from kubern.api.cel.library import Library, overloads

_A = "kubernetes.authorization"
_CHECK_COST = 350_000
"""What asking costs: as much as a third of what an expression may cost in all, so that it is asked only a few times."""


def _set(name: str) -> Any:
    return lambda check, text: check.having(**{name: text})


def _service_account(authorizer: Authorizer, namespace: str, name: str) -> Authorizer:
    return authorizer.as_service_account(namespace, name)


def _path(authorizer: Authorizer, path: str) -> Check:
    return Check(authorizer, {"path": path}, "PathCheck")


def _group(authorizer: Authorizer, group: str) -> Check:
    return Check(authorizer, {"group": group}, "GroupCheck")


def _decide(check: Check, verb: str) -> Verdict:
    return check.decide(verb)


LIBRARY = Library(
    "authorizer",
    (
        *overloads(
            {
                f"{_A}.Authorizer.path(string): {_A}.PathCheck": lambda authorizer, path: Check(
                    authorizer, {"path": path}, "PathCheck"
                ),
                f"{_A}.Authorizer.group(string): {_A}.GroupCheck": lambda authorizer, group: Check(
                    authorizer, {"group": group}, "GroupCheck"
                ),
                f"{_A}.Authorizer.serviceAccount(string, string): {_A}.Authorizer": _service_account,
                f"{_A}.GroupCheck.resource(string): {_A}.ResourceCheck": lambda check, name: check.having(
                    resource=name
                ),
                f"{_A}.ResourceCheck.subresource(string): {_A}.ResourceCheck": _set("subresource"),
                f"{_A}.ResourceCheck.namespace(string): {_A}.ResourceCheck": _set("namespace"),
                f"{_A}.ResourceCheck.name(string): {_A}.ResourceCheck": _set("name"),
                f"{_A}.ResourceCheck.fieldSelector(string): {_A}.ResourceCheck": _set("field_selector"),
                f"{_A}.ResourceCheck.labelSelector(string): {_A}.ResourceCheck": _set("label_selector"),
                f"{_A}.Decision.allowed(): bool": lambda verdict: verdict.allowed,
                f"{_A}.Decision.reason(): string": lambda verdict: verdict.reason,
                f"{_A}.Decision.errored(): bool": lambda verdict: bool(verdict.error),
                f"{_A}.Decision.error(): string": lambda verdict: verdict.error,
            }
        ),
        *overloads(
            {
                f"{_A}.PathCheck.check(string): {_A}.Decision": _decide,
                f"{_A}.ResourceCheck.check(string): {_A}.Decision": _decide,
            },
            lambda args, result: _CHECK_COST,
        ),
    ),
)
