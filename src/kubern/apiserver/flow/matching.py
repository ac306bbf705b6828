"""Which FlowSchema a request belongs to. Called by `control.FlowControl`; pure.

Source: upstream's FlowSchema API reference. What always holds: the order of schemas is matchingPrecedence, then name.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubern.apiserver.identity import User
from kubern.apiserver.request_info import RequestInfo
from kubern.base.json import Obj

SERVICE_ACCOUNT = "system:serviceaccount:"


def matches(schema: Obj, user: User, info: RequestInfo) -> bool:
    """Whether one of the schema's rules takes the request."""
    for rule in (schema.get("spec") or {}).get("rules") or ():
        if any(_is_subject(subject, user) for subject in rule.get("subjects") or ()):
            if info.is_resource:
                if any(_takes_resource(policy, info) for policy in rule.get("resourceRules") or ()):
                    return True
            elif any(_takes_path(policy, info) for policy in rule.get("nonResourceRules") or ()):
                return True
    return False


def _is_subject(subject: Obj, user: User) -> bool:
    kind = subject.get("kind")
    if kind == "User":
        return subject["user"]["name"] in ("*", user.name)
    if kind == "Group":
        name = subject["group"]["name"]
        return name == "*" or name in user.groups
    account = subject.get("serviceAccount") or {}
    prefix = f"{SERVICE_ACCOUNT}{account.get('namespace')}:"
    if account.get("name") == "*":
        return user.name.startswith(prefix)
    return user.name == prefix + str(account.get("name"))


def _has(values: Sequence[str] | None, wanted: str) -> bool:
    return bool(values) and ("*" in (values or ()) or wanted in (values or ()))


def _takes_resource(policy: Obj, info: RequestInfo) -> bool:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if not (
        _has(policy.get("verbs"), info.verb)
        and _has(policy.get("apiGroups"), info.group)
        and _has(policy.get("resources"), resource)
    ):
        return False
    if not info.namespace:
        return bool(policy.get("clusterScope"))
    return _has(policy.get("namespaces"), info.namespace)


def _takes_path(policy: Obj, info: RequestInfo) -> bool:
    if not _has(policy.get("verbs"), info.verb):
        return False
    return any(_below(pattern, info.path) for pattern in policy.get("nonResourceURLs") or ())


def _below(pattern: str, path: str) -> bool:
    if pattern == "*" or pattern == path:
        return True
    return pattern.endswith("/*") and path.startswith(pattern[:-1])


def flow_of(schema: Obj, user: User, info: RequestInfo) -> str:
    """Return the flow that a request is part of: requests of one flow share their queues."""
    spec = schema["spec"]
    method = (spec.get("distinguisherMethod") or {}).get("type")
    distinguisher = {"ByUser": user.name, "ByNamespace": info.namespace}.get(method or "", "")
    return f"{schema['metadata']['name']}\0{distinguisher}"
