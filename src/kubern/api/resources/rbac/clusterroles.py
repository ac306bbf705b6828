"""ClusterRole: its facts and checks."""

from __future__ import annotations

from kubern.api import field, names
from kubern.api.resource import Resource
from kubern.api.rules.rbac import ROLE_COLUMNS, check_rules
from kubern.api.rules.values import items
from kubern.api.selectors import check_label_selector
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a ClusterRole."""
    causes = check_rules(obj, namespaced=False)
    rule = obj.get("aggregationRule")
    if rule is None:
        return causes
    path = "aggregationRule.clusterRoleSelectors"
    if not rule.get("clusterRoleSelectors"):
        message = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        return [*causes, field.required(path, message)]
    for i, selector in items(rule, "clusterRoleSelectors"):
        causes += check_label_selector(selector, f"{path}[{i}]")
    return causes


RESOURCE = Resource(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="ClusterRole",
    plural="clusterroles",
    singular="clusterrole",
    namespaced=False,
    schema="io.k8s.api.rbac.v1.ClusterRole",
    columns=ROLE_COLUMNS,
    validate=validate,
    validate_name=names.path_segment,
)
