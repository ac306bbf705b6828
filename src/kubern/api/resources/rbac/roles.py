"""Role: its facts and checks."""

from __future__ import annotations

from kubern.api import names
from kubern.api.resource import Resource
from kubern.api.rules.rbac import ROLE_COLUMNS, check_rules
from kubern.base.errors import Cause
from kubern.base.json import Obj


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a Role."""
    return check_rules(obj, namespaced=True)


RESOURCE = Resource(
    group="rbac.authorization.k8s.io",
    version="v1",
    kind="Role",
    plural="roles",
    singular="role",
    namespaced=True,
    schema="io.k8s.api.rbac.v1.Role",
    columns=ROLE_COLUMNS,
    validate=validate,
    validate_name=names.path_segment,
)
