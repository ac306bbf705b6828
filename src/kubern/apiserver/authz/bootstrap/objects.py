"""Puts the bootstrap objects together, and works out what an older cluster's objects lack."""

from __future__ import annotations

from collections.abc import Sequence

from kubern.apiserver.authz.bootstrap import component_roles, controller_roles, user_roles
from kubern.apiserver.authz.bootstrap.notation import rules
from kubern.apiserver.authz.rules import compiled, covered
from kubern.base.json import Obj

_API = "rbac.authorization.k8s.io"
_AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
_AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
_CONTROLLER = "system:controller:"

_BINDINGS: dict[str, tuple[str, ...]] = {
    "cluster-admin": ("Group system:masters",),
    "system:monitoring": ("Group system:monitoring",),
    "system:discovery": ("Group system:authenticated",),
    "system:basic-user": ("Group system:authenticated",),
    "system:public-info-viewer": ("Group system:authenticated", "Group system:unauthenticated"),
    "system:node-proxier": ("User system:kube-proxy",),
    "system:kube-controller-manager": ("User system:kube-controller-manager",),
    "system:kube-dns": ("ServiceAccount kube-dns",),
    "system:coredns": ("ServiceAccount coredns",),
    "system:kube-scheduler": ("User system:kube-scheduler",),
    "system:volume-scheduler": ("User system:kube-scheduler",),
    "system:node": (),
    "system:service-account-issuer-discovery": ("Group system:serviceaccounts",),
}
"""ClusterRoleBindings, named after their role. Nodes get their rights from the Node authorizer, so that one has no subject."""

_SIGNER = """
    get,list,watch core secrets
"""
_ROLES: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("kube-system", "extension-apiserver-authentication-reader"): (
        "read core configmaps extension-apiserver-authentication",
        ("User system:kube-controller-manager", "User system:kube-scheduler"),
    ),
    ("kube-system", "system:controller:bootstrap-signer"): (_SIGNER, ("ServiceAccount bootstrap-signer",)),
    ("kube-system", "system:controller:cloud-provider"): (
        "create,get,list,patch,update,watch core configmaps",
        ("ServiceAccount cloud-provider",),
    ),
    ("kube-system", "system:controller:token-cleaner"): (
        "delete,get,list,watch core secrets\ncreate,patch,update core,events.k8s.io events",
        ("ServiceAccount token-cleaner",),
    ),
    ("kube-system", "system::leader-locking-kube-controller-manager"): (
        "watch core configmaps\nget,update core configmaps kube-controller-manager",
        ("User system:kube-controller-manager", "ServiceAccount kube-controller-manager"),
    ),
    ("kube-system", "system::leader-locking-kube-scheduler"): (
        "watch core configmaps\nget,update core configmaps kube-scheduler",
        ("User system:kube-scheduler", "ServiceAccount kube-scheduler"),
    ),
    ("kube-public", "system:controller:bootstrap-signer"): (
        "read core configmaps\nupdate core configmaps cluster-info\ncreate,patch,update core,events.k8s.io events",
        ("ServiceAccount bootstrap-signer",),
    ),
}
"""Roles by (namespace, name), each with its subjects."""


def objects() -> dict[str, list[Obj]]:
    """Return every bootstrap object by plural; roles before their bindings."""
    return {
        "clusterroles": _cluster_roles(),
        "clusterrolebindings": _cluster_role_bindings(),
        "roles": [
            {"apiVersion": f"{_API}/v1", "kind": "Role", "metadata": _metadata(name, place), "rules": rules(text)}
            for (place, name), (text, _) in _ROLES.items()
        ],
        "rolebindings": [_role_binding(place, name, subjects) for (place, name), (_, subjects) in _ROLES.items()],
    }


def reconciled(existing: Obj, wanted: Obj) -> Obj | None:
    """Return `existing` with what `wanted` has more (rules, subjects, labels), or `None` when it lacks nothing."""
    metadata = existing["metadata"]
    if (metadata.get("annotations") or {}).get(_AUTOUPDATE) == "false":
        return None
    changed = dict(existing)
    for field in ("labels", "annotations"):
        merged = wanted["metadata"].get(field, {}) | (metadata.get(field) or {})
        if merged != (metadata.get(field) or {}):
            changed["metadata"] = changed["metadata"] | {field: merged}
    if "roleRef" in wanted:
        held = existing.get("subjects") or []
        missing = [subject for subject in wanted.get("subjects", ()) if subject not in held]
        if missing:
            changed["subjects"] = [*held, *missing]
    elif "aggregationRule" in wanted:
        if existing.get("aggregationRule") != wanted["aggregationRule"]:
            changed["aggregationRule"] = wanted["aggregationRule"]
    else:
        missing = _missing_rules(existing.get("rules") or [], wanted["rules"])
        if missing:
            changed["rules"] = [*(existing.get("rules") or []), *missing]
    return None if changed == existing else changed


def _missing_rules(held: Sequence[Obj], wanted: Sequence[Obj]) -> list[Obj]:
    have = compiled(held)
    return [rule for rule in wanted if not covered(have, compiled([rule])[0])]


def _cluster_roles() -> list[Obj]:
    every = user_roles.CLUSTER_ROLES | component_roles.CLUSTER_ROLES
    every |= {_CONTROLLER + name: found for name, found in controller_roles.CLUSTER_ROLES.items()}
    made = [_cluster_role(name, found) for name, found in every.items()]
    for name, parts_of in user_roles.AGGREGATED.items():
        role = _cluster_role(name, _sum(name))
        role["metadata"]["labels"] |= {_AGGREGATE + whole: "true" for whole in parts_of}
        role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {_AGGREGATE + name: "true"}}]}
        made.append(role)
    return made


def _cluster_role(name: str, found: Sequence[Obj]) -> Obj:
    metadata = _metadata(name)
    _, aggregate, whole = name.partition("system:aggregate-to-")
    if aggregate:
        metadata["labels"] |= {_AGGREGATE + whole: "true"}
    return {"apiVersion": f"{_API}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": list(found)}


def _sum(name: str) -> list[Obj]:
    """Return what the aggregation controller will put into a summed role, so that it holds from the first moment on."""
    found = list(user_roles.CLUSTER_ROLES["system:aggregate-to-" + name])
    for part, wholes in user_roles.AGGREGATED.items():
        if name in wholes:
            found = [*_sum(part), *found]
    return found


def _cluster_role_bindings() -> list[Obj]:
    made = [_cluster_role_binding(role, role, subjects) for role, subjects in _BINDINGS.items()]
    made += [
        _cluster_role_binding(_CONTROLLER + name, _CONTROLLER + name, (f"ServiceAccount {name}",))
        for name in controller_roles.CLUSTER_ROLES
    ]
    # kubeadm's: the group of administrators' and the apiserver's own kubelet-client certificates
    made.append(_cluster_role_binding("kubeadm:cluster-admins", "cluster-admin", ("Group kubeadm:cluster-admins",)))
    return made


def _cluster_role_binding(name: str, role: str, subjects: Sequence[str]) -> Obj:
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": _metadata(name),
        "roleRef": {"apiGroup": _API, "kind": "ClusterRole", "name": role},
    } | ({"subjects": [_subject(subject) for subject in subjects]} if subjects else {})


def _role_binding(namespace: str, name: str, subjects: Sequence[str]) -> Obj:
    # upstream names this one after its role's purpose, all others after their role
    bound = "system::extension-apiserver-authentication-reader" if name.startswith("extension-") else name
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(bound, namespace),
        "roleRef": {"apiGroup": _API, "kind": "Role", "name": name},
        "subjects": [_subject(subject) for subject in subjects],
    }


def _subject(text: str) -> Obj:
    kind, name = text.split()
    if kind == "ServiceAccount":
        return {"kind": kind, "name": name, "namespace": "kube-system"}
    return {"apiGroup": _API, "kind": kind, "name": name}


def _metadata(name: str, namespace: str = "") -> Obj:
    found: Obj = {
        "name": name,
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {_AUTOUPDATE: "true"},
    }
    return found | ({"namespace": namespace} if namespace else {})
