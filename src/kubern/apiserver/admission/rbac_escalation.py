"""Nobody gives away rights by roles and bindings that he does not hold, unless he may `escalate` the role or `bind` to it.

Upstream checks this in the storage of these resources; here it is a plug-in that cannot be left out by mistake of a flag's order.
Source: Kubernetes documentation, "Privilege escalation prevention and bootstrapping".
"""

from __future__ import annotations

import inspect

from kubern.apiserver.admission_chain import Admission, Attributes, refused
from kubern.apiserver.authz.escalation import message, uncovered
from kubern.apiserver.authz.rules import Rule, compiled
from kubern.apiserver.identity import MASTERS, Decision
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import NotFound
from kubern.base.json import Obj

GROUP = "rbac.authorization.k8s.io"
_ROLES = ("roles", "clusterroles")
_ALL = frozenset({"*"})
EVERYTHING = (Rule(_ALL, _ALL, _ALL), Rule(_ALL, paths=("*",)))


async def check(attributes: Attributes) -> None:
    """Refuse what would give more than the writer holds. Raises `Forbidden`; `NotFound` for a role that is bound and not there."""
    new, old = attributes.obj, attributes.old
    if new is None or MASTERS in attributes.user.groups:
        return
    if attributes.resource.plural in _ROLES:
        await _check_role(attributes, new, old)
    elif old is None or any(new.get(key) != old.get(key) for key in ("roleRef", "subjects")):
        await _check_binding(attributes, new)


async def _check_role(attributes: Attributes, new: Obj, old: Obj | None) -> None:
    if old is not None and all(new.get(key) == old.get(key) for key in ("rules", "aggregationRule")):
        return
    plural = attributes.resource.plural
    if await _may(attributes, "escalate", plural, attributes.name):
        return
    policy = attributes.core.security.policy
    if new.get("aggregationRule") and uncovered(policy, attributes.user, "", EVERYTHING):
        raise refused(attributes, "must have cluster-admin privileges to use the aggregationRule")
    _refuse(attributes, compiled(new.get("rules")))


async def _check_binding(attributes: Attributes, binding: Obj) -> None:
    reference = binding.get("roleRef") or {}
    kind, name = reference.get("kind", ""), reference.get("name", "")
    plural = "roles" if kind == "Role" else "clusterroles"
    if await _may(attributes, "bind", plural, name):
        return
    rules = attributes.core.security.policy.rules_of(kind, name, attributes.namespace)
    if rules is None:
        raise NotFound(f'{plural}.{GROUP} "{name}" not found', kind=plural, group=GROUP, name=name)
    _refuse(attributes, rules)


def _refuse(attributes: Attributes, rules: tuple[Rule, ...]) -> None:
    lacking = uncovered(attributes.core.security.policy, attributes.user, attributes.namespace, rules)
    if lacking:
        raise refused(attributes, message(attributes.user, lacking))


async def _may(attributes: Attributes, verb: str, plural: str, name: str) -> bool:
    info = RequestInfo(True, verb, "", GROUP, "v1", attributes.namespace, plural, name)
    answer = attributes.core.authorizer(attributes.user, info)
    decision: Decision = await answer if inspect.isawaitable(answer) else answer
    return decision.allowed


ADMISSION = Admission(
    "RBACEscalation",
    900,
    ("CREATE", "UPDATE"),
    tuple(f"{plural}.{GROUP}" for plural in (*_ROLES, "rolebindings", "clusterrolebindings")),
    validate=check,
)
