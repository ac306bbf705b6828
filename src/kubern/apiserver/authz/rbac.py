"""The RBAC authorizer: allowed is what some rule of some binding of the user allows."""

from __future__ import annotations

from typing import NamedTuple

from kubern.apiserver.authz.policy import Policy
from kubern.apiserver.authz.rules import Rule, allows
from kubern.apiserver.identity import Decision, User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.json import Obj


class SubjectRules(NamedTuple):
    """The status of a SelfSubjectRulesReview."""

    resource_rules: list[Obj]
    non_resource_rules: list[Obj]
    incomplete: bool
    error: str


class Rbac:
    """See `identity.Authorizer`."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def __call__(self, user: User, info: RequestInfo) -> Decision:
        """Return the decision; the reason names the binding, or the roles that are missing."""
        held = self._policy.held(user, info.namespace)
        for rule, given in held.rules:
            if allows(rule, info):
                return Decision(True, f"RBAC: allowed by {given} to {_subject(user)}")
        if held.missing:
            text = held.missing[0] if len(held.missing) == 1 else f"[{', '.join(held.missing)}]"
            return Decision(False, f"RBAC: {text}")
        return Decision(False)

    def rules_for(self, user: User, namespace: str) -> SubjectRules:
        """Return what `user` may do in `namespace`."""
        held = self._policy.held(user, namespace)
        resources: list[Obj] = []
        urls: list[Obj] = []
        for rule, _ in held.rules:
            if rule.resources:
                resources.append(_resource_rule(rule))
            if rule.paths:
                urls.append({"verbs": sorted(rule.verbs), "nonResourceURLs": list(rule.paths)})
        return SubjectRules(resources, urls, bool(held.missing), ", ".join(held.missing))


def _resource_rule(rule: Rule) -> Obj:
    found: Obj = {
        "verbs": sorted(rule.verbs),
        "apiGroups": sorted(rule.groups),
        "resources": sorted(rule.resources),
    }
    return found | ({"resourceNames": sorted(rule.names)} if rule.names else {})


def _subject(user: User) -> str:
    return f'User "{user.name}"'
