"""Defaults, checks and columns shared by roles and by bindings, whether of a namespace or of the cluster."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Column
from kubern.api.rules import cells
from kubern.api.rules.checks import named
from kubern.api.rules.values import at, fill_empty, items, section
from kubern.api.structs import ROLE_REF, struct
from kubern.base.errors import Cause
from kubern.base.json import Obj

GROUP = "rbac.authorization.k8s.io"


def default_binding(obj: Obj) -> None:
    """Fill a binding: roles, users and groups are of RBAC's own API group."""
    fill_empty(section(obj, "roleRef"), apiGroup=GROUP)
    for _, subject in items(obj, "subjects"):
        if subject.get("kind") in ("User", "Group"):
            fill_empty(subject, apiGroup=GROUP)


def check_rules(obj: Obj, *, namespaced: bool) -> list[Cause]:
    """Return what is wrong with a role's rules."""
    return [cause for i, rule in items(obj, "rules") for cause in _check_rule(rule, namespaced, f"rules[{i}]")]


def _check_rule(rule: Obj, namespaced: bool, path: str) -> list[Cause]:
    causes, urls = [], rule.get("nonResourceURLs")
    if not rule.get("verbs"):
        causes.append(field.required(f"{path}.verbs", "verbs must contain at least one value"))
    if urls:
        here = f"{path}.nonResourceURLs"
        if namespaced:
            causes.append(field.invalid(here, urls, "namespaced rules cannot apply to non-resource URLs"))
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            message = "rules cannot apply to both regular resources and non-resource URLs"
            causes.append(field.invalid(here, urls, message))
        return causes
    if not rule.get("apiGroups"):
        causes.append(field.required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        causes.append(field.required(f"{path}.resources", "resource rules must supply at least one resource"))
    return causes


def check_binding(obj: Obj, roles: tuple[str, ...]) -> list[Cause]:
    """Return what is wrong with a binding to one of the kinds `roles`."""
    ref, path = obj.get("roleRef") or {}, "roleRef"
    causes = []
    if ref.get("apiGroup") != GROUP:
        causes.append(field.not_supported(f"{path}.apiGroup", ref.get("apiGroup") or "", [GROUP]))
    if ref.get("kind") not in roles:
        causes.append(field.not_supported(f"{path}.kind", ref.get("kind") or "", roles))
    if not ref.get("name"):
        causes.append(field.required(f"{path}.name", ""))
    else:
        causes += named(ref["name"], f"{path}.name", names.path_segment)
    for i, subject in items(obj, "subjects"):
        causes += _check_subject(subject, f"subjects[{i}]")
    return causes


def check_role_ref_kept(new: Obj, old: Obj) -> list[Cause]:
    """Check that a binding still grants the same role."""
    now = new.get("roleRef")
    return (
        [] if now == old.get("roleRef") else [field.invalid("roleRef", struct(now, ROLE_REF), "cannot change roleRef")]
    )


def _check_subject(subject: Obj, path: str) -> list[Cause]:
    kind, name, group = subject.get("kind") or "", subject.get("name") or "", subject.get("apiGroup") or ""
    causes = [] if name else [field.required(f"{path}.name", "")]
    if kind == "ServiceAccount":
        if name:
            causes += named(name, f"{path}.name", names.dns1123_subdomain)
        if group:
            causes.append(field.not_supported(f"{path}.apiGroup", group, [""]))
        if not subject.get("namespace"):
            causes.append(field.required(f"{path}.namespace", ""))
    elif kind in ("User", "Group"):
        if group != GROUP:
            causes.append(field.not_supported(f"{path}.apiGroup", group, [GROUP]))
    else:
        causes.append(field.not_supported(f"{path}.kind", kind, ["ServiceAccount", "User", "Group"]))
    return causes


def _subjects(obj: Obj, kind: str) -> str:
    found = [s for _, s in items(obj, "subjects") if s.get("kind") == kind]
    if kind == "ServiceAccount":
        return ", ".join(
            f"{s.get('namespace')}/{s.get('name')}" if s.get("namespace") else str(s.get("name")) for s in found
        )
    return ", ".join(str(s.get("name")) for s in found)


def _role(obj: Obj) -> str:
    return f"{at(obj, 'roleRef.kind') or ''}/{at(obj, 'roleRef.name') or ''}"


ROLE_COLUMNS: tuple[Column, ...] = (cells.NAME, cells.CREATED_AT)
BINDING_COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Role", _role, "The role that is granted."),
    cells.AGE,
    cells.column("Users", lambda obj: _subjects(obj, "User"), "The users who get it.", wide=True),
    cells.column("Groups", lambda obj: _subjects(obj, "Group"), "The groups that get it.", wide=True),
    cells.column(
        "ServiceAccounts", lambda obj: _subjects(obj, "ServiceAccount"), "The accounts that get it.", wide=True
    ),
)
