"""Values in messages look as Go prints upstream's internal types."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api import field, structs


@pytest.mark.parametrize(
    ("value", "shape", "shown"),
    [
        ({"name": "a", "kind": "Role", "apiGroup": "g"}, structs.ROLE_REF, '{"APIGroup":"g","Kind":"Role","Name":"a"}'),
        ({}, structs.STATEFUL_SET_STRATEGY, '{"Type":"","RollingUpdate":null}'),
        (
            {"rollingUpdate": {"partition": 1}},
            structs.STATEFUL_SET_STRATEGY,
            '{"Type":"","RollingUpdate":{"Partition":1,"MaxUnavailable":null}}',
        ),
        (
            {"name": "d", "nodeID": "n", "allocatable": {}},
            structs.CSI_NODE_DRIVER,
            '{"Name":"d","NodeID":"n","TopologyKeys":null,"Allocatable":{"Count":null}}',
        ),
        (
            {"required": {"nodeSelectorTerms": [{"matchFields": [{"key": "k"}]}]}},
            structs.VOLUME_NODE_AFFINITY,
            '{"Required":{"NodeSelectorTerms":[{"MatchExpressions":null,"MatchFields":[{"Key":"k","Operator":"","Values":null}]}]}}',
        ),
    ],
)
def test_a_struct_is_shown_whole_and_in_its_order(value: Any, shape: structs.Shape, shown: str) -> None:
    assert field.invalid("p", structs.struct(value, shape)).message == f"Invalid value: {shown}"


def test_a_struct_inside_a_struct_is_never_missing() -> None:
    assert structs.struct(None, {"Source": {"Name": None}}) == {"Source": {"Name": None}}
