"""`--authorization-mode`: the authorizers in the order given; the first that allows decides.

Members of `system:masters` may do everything in every mode, as upstream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubern.apiserver.authz.node import Node, PodReferences
from kubern.apiserver.authz.policy import Policy
from kubern.apiserver.authz.rbac import Rbac
from kubern.apiserver.identity import MASTERS, Decision, User
from kubern.apiserver.request_info import RequestInfo

Decide = Callable[[User, RequestInfo], Decision]

NAMES = ("AlwaysAllow", "AlwaysDeny", "Node", "RBAC")


def build(names: Sequence[str], policy: Policy, pods: PodReferences) -> Decide:
    """Return the authorizer of the named modes. Raises `ValueError` for an unknown or doubled one."""
    if not names or len(set(names)) != len(names):
        raise ValueError("--authorization-mode: name each mode once, and at least one")
    made: dict[str, Callable[[], Decide]] = {
        "AlwaysAllow": lambda: lambda user, info: Decision(True),
        "AlwaysDeny": lambda: lambda user, info: Decision(False, "Everything is forbidden."),
        "Node": lambda: Node(pods),
        "RBAC": lambda: Rbac(policy),
    }
    for name in names:
        if name not in made:
            raise ValueError(f"--authorization-mode {name!r}: not one of {', '.join(NAMES)}")
    return union([made[name]() for name in names])


def union(authorizers: Sequence[Decide]) -> Decide:
    """Return an authorizer that asks each until one allows; a refusal has all their reasons."""

    def decide(user: User, info: RequestInfo) -> Decision:
        if MASTERS in user.groups:
            return Decision(True)
        reasons = []
        for authorizer in authorizers:
            decision = authorizer(user, info)
            if decision.allowed:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
        return Decision(False, "\n".join(reasons))

    return decide
