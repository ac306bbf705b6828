"""Which claims a quota of volume attributes classes covers."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api.quota import in_scope
from kubern.base.json import Obj

CLAIMS = "persistentvolumeclaims"


def quota(operator: str, *values: str, scope: str = "VolumeAttributesClass") -> Obj:
    term = {"scopeName": scope, "operator": operator} | ({"values": list(values)} if values else {})
    return {"spec": {"scopeSelector": {"matchExpressions": [term]}}}


def claim(wanted: str = "", **status: Any) -> Obj:
    return {"spec": {"volumeAttributesClassName": wanted} if wanted else {}, "status": status}


CHANGING = claim("gold", currentVolumeAttributesClassName="silver")
MODIFYING = claim(modifyVolumeStatus={"targetVolumeAttributesClassName": "gold", "status": "Pending"})


@pytest.mark.parametrize(
    ("of", "obj", "covered"),
    [
        (quota("In", "gold"), claim("gold"), True),
        (quota("In", "gold"), claim("silver"), False),
        (quota("In", "silver"), CHANGING, True),
        (quota("In", "gold"), MODIFYING, True),
        (quota("In", "gold"), claim(), False),
        (quota("NotIn", "gold"), claim(), True),
        (quota("NotIn", "gold"), claim("gold"), False),
        (quota("NotIn", "gold"), CHANGING, True),
        (quota("Exists"), claim("gold"), True),
        (quota("Exists"), claim(), False),
        (quota("DoesNotExist"), claim(), True),
        (quota("DoesNotExist"), CHANGING, False),
        (quota("Exists", scope="PriorityClass"), claim("gold"), False),
        ({"spec": {"scopes": ["VolumeAttributesClass"]}}, claim("gold"), True),
        ({"spec": {"scopes": ["VolumeAttributesClass", "BestEffort"]}}, claim("gold"), False),
        ({"spec": {}}, claim(), True),
    ],
)
def test_claims_are_covered_by_each_class_that_they_have_or_get(of, obj, covered):
    assert in_scope(of, CLAIMS, obj) is covered


def test_pods_have_no_such_class_and_nothing_else_has_scopes():
    assert not in_scope(quota("Exists"), "pods", {"spec": {"containers": []}})
    assert not in_scope(quota("DoesNotExist"), "services", {"spec": {}})
    assert in_scope({"spec": {}}, "services", {"spec": {}})
