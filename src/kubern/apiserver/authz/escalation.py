"""Nobody gives away more than they have: the rules of a role, or of a bound role, that its writer does not hold.

Called by whoever validates writes of roles and bindings, unless the writer may `escalate` the role or `bind` to it.
"""

from __future__ import annotations

from kubern.apiserver.authz.policy import Policy
from kubern.apiserver.authz.rules import Rule, covered
from kubern.apiserver.identity import MASTERS, User


def uncovered(policy: Policy, user: User, namespace: str, wanted: tuple[Rule, ...]) -> list[Rule]:
    """Return the rules of `wanted` that `user` does not hold in `namespace` ("" for cluster-scoped objects)."""
    if MASTERS in user.groups:
        return []
    held = [rule for rule, _ in policy.held(user, namespace).rules]
    return [rule for rule in wanted if not covered(held, rule)]


def message(user: User, rules: list[Rule]) -> str:
    """Return upstream's message for a refused write."""
    shown = "\n".join(_shown(rule) for rule in rules)
    groups = "[" + " ".join(f'"{group}"' for group in user.groups) + "]"
    return f'user "{user.name}" (groups={groups}) is attempting to grant RBAC permissions not currently held:\n{shown}'


def _shown(rule: Rule) -> str:
    fields = (
        ("APIGroups", rule.groups), ("Resources", rule.resources), ("ResourceNames", rule.names),
        ("NonResourceURLs", rule.paths), ("Verbs", rule.verbs),
    )  # fmt: skip
    parts = [f"{name}:[{' '.join(repr_ for repr_ in _quoted(values))}]" for name, values in fields if values]
    return "{" + ", ".join(parts) + "}"


def _quoted(values: frozenset[str] | tuple[str, ...]) -> list[str]:
    return [f'"{value}"' for value in sorted(values)]
