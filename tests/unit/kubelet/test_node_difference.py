"""When a node's status is written again: whenever the API knows something else, whoever wrote that."""

import pytest

from kubern.kubelet.node_object import differs

READY = {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}
STATUS = {"capacity": {"cpu": "2"}, "conditions": [READY]}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(STATUS, False, id="the same"),
        pytest.param(
            {"capacity": {"cpu": "2"}, "conditions": [READY | {"lastHeartbeatTime": "later"}]}, False, id="only later"
        ),
        pytest.param(STATUS | {"volumesInUse": ["v"]}, False, id="more by others"),
        pytest.param(
            STATUS | {"conditions": [{"type": "NetworkUnavailable", "status": "False"}, READY]},
            False,
            id="more conditions",
        ),
        pytest.param(STATUS | {"conditions": [READY | {"status": "Unknown"}]}, True, id="called lost by a controller"),
        pytest.param({}, True, id="nothing yet"),
    ],
)
def test_what_makes_a_status_worth_writing(known, expected):
    assert differs(STATUS, known) is expected
