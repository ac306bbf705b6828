"""Values as upstream's messages print them where it checks its internal types: Go's names of the fields, in Go's order, none left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Struct(dict[str, Any]):
    """What is printed in the order of its keys; those of a plain dict are sorted, as a Go map's."""


Shape = Mapping[str, Any]
"""The zero value of each field by Go's name: a shape for a struct, a tuple of one for a pointer to it, a list of one for many."""


def struct(value: Mapping[str, Any] | None, shape: Shape) -> Struct:
    """Return an object as a struct of this shape, by the names that the fields have in JSON (`APIGroup` is `apiGroup`)."""
    return Struct((name, _filled((value or {}).get(_json_name(name)), zero)) for name, zero in shape.items())


def _filled(value: Any, zero: Any) -> Any:
    if isinstance(zero, tuple):
        return None if value is None else struct(value, zero[0])
    if isinstance(zero, list):
        return None if value is None else [struct(each, zero[0]) for each in value]
    if isinstance(zero, Mapping):
        return struct(value, zero)
    return zero if value is None else value


def _json_name(name: str) -> str:
    capitals = len(name) - len(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    head = capitals if capitals in (1, len(name)) else capitals - 1
    return name[:head].lower() + name[head:]


ROLE_REF = {"APIGroup": "", "Kind": "", "Name": ""}
TOLERATION = {"Key": "", "Operator": "", "Value": "", "Effect": "", "TolerationSeconds": None}
TAINT = {"Key": "", "Value": "", "Effect": "", "TimeAdded": None}
SERVICE_PORT = {"Name": "", "Protocol": "", "AppProtocol": None, "Port": 0, "TargetPort": 0, "NodePort": 0}
NON_RESOURCE_ATTRIBUTES = {"Path": "", "Verb": ""}
DISRUPTION_BUDGET = {"MinAvailable": None, "Selector": None, "MaxUnavailable": None, "UnhealthyPodEvictionPolicy": None}
ROLLING_STATEFUL_SET = {"Partition": 0, "MaxUnavailable": None}
STATEFUL_SET_STRATEGY = {"Type": "", "RollingUpdate": (ROLLING_STATEFUL_SET,)}
CSI_NODE_DRIVER = {"Name": "", "NodeID": "", "TopologyKeys": None, "Allocatable": ({"Count": None},)}
VALIDATION_RULE = {
    "Rule": "", "Message": "", "MessageExpression": "", "Reason": None, "FieldPath": "", "OptionalOldSelf": None,
}  # fmt: skip
DEFINITION_VERSION = {
    "Name": "", "Served": False, "Storage": False, "Deprecated": False, "DeprecationWarning": None, "Schema": None,
    "Subresources": None, "AdditionalPrinterColumns": None, "SelectableFields": None,
}  # fmt: skip
_REQUIREMENT = {"Key": "", "Operator": "", "Values": None}
_NODE_SELECTOR = {"NodeSelectorTerms": [{"MatchExpressions": [_REQUIREMENT], "MatchFields": [_REQUIREMENT]}]}
VOLUME_NODE_AFFINITY = {"Required": (_NODE_SELECTOR,)}
