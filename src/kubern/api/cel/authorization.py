"""What the authorizer's functions work on: a user, a question that grows call by call, and the verdict.

Made by admission, which hands in who decides; this package knows no authorizer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from kubern.api.cel.errors import CelEvaluationError


class Verdict(NamedTuple):
    """Whether something is allowed, and why not; `error`: it could not be found out."""

    allowed: bool
    reason: str = ""
    error: str = ""

    @property
    def type_name(self) -> str:
        """The value's type in expressions."""
        return "kubernetes.authorization.Decision"


Decide = Callable[[Mapping[str, str], str], Verdict]
"""Takes the question (`path`, or `group`, `resource`, `subresource`, `namespace`, `name`, selectors) and the verb."""


class Authorizer:
    """Somebody whose rights can be asked for. `of` returns the same for a service account."""

    __slots__ = ("_of", "decide")
    type_name = "kubernetes.authorization.Authorizer"

    def __init__(self, decide: Decide, of: Callable[[str, str], Decide]) -> None:
        self.decide = decide
        self._of = of

    def as_service_account(self, namespace: str, name: str) -> Authorizer:
        """Return the authorizer of a service account."""
        if not namespace or not name:
            raise CelEvaluationError("invalid service account name or namespace")
        return Authorizer(self._of(namespace, name), self._of)


class Check:
    """A question without its verb."""

    __slots__ = ("_authorizer", "_question", "type_name")

    def __init__(self, authorizer: Authorizer, question: Mapping[str, str], kind: str) -> None:
        self._authorizer = authorizer
        self._question = question
        self.type_name = f"kubernetes.authorization.{kind}"

    def having(self, **more: str) -> Check:
        """Return the question with more said."""
        return Check(self._authorizer, {**self._question, **more}, "ResourceCheck")

    def decide(self, verb: str) -> Verdict:
        """Ask."""
        return self._authorizer.decide(self._question, verb)
