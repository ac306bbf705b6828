"""RoleBinding: its facts and checks."""

from __future__ import annotations

from kubern.api import names
from kubern.api.resource import Resource
from kubern.api.rules.rbac import BINDING_COLUMNS, check_binding, check_role_ref_kept, default_binding
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a RoleBinding."""
    return check_binding(obj, ("Role", "ClusterRole"))


RESOURCE = Resource(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="RoleBinding",
    plural="rolebindings",
    singular="rolebinding",
    namespaced=True,
    schema="io.k8s.api.rbac.v1.RoleBinding",
    columns=BINDING_COLUMNS,
    default=default_binding,
    validate=validate,
    validate_update=check_role_ref_kept,
    validate_name=names.path_segment,
)
