"""What the server keeps of the objects of priority and fairness."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.apiserver.flow.keeping import AUTOUPDATE, restored, told


def schema(name: str, precedence: int, setting: str | None = "true", generation: int = 1) -> dict[str, Any]:
    annotations = {} if setting is None else {AUTOUPDATE: setting}
    return {
        "metadata": {"name": name, "annotations": annotations, "generation": generation},
        "spec": {"matchingPrecedence": precedence, "priorityLevelConfiguration": {"name": "level"}},
    }


@pytest.mark.parametrize(
    ("name", "setting", "generation", "precedence", "left"),
    [
        ("probes", "true", 2, 1, "true"),
        ("probes", "false", 2, 7, "false"),
        ("probes", None, 1, 1, "true"),
        ("probes", None, 2, 7, "false"),
        ("catch-all", "false", 2, 1, "true"),
    ],
    ids=["the server's", "an administrator's", "untouched", "changed before", "mandatory"],
)
async def test_a_default_object_is_put_back(
    name: str, setting: str | None, generation: int, precedence: int, left: str
) -> None:
    found = await restored(schema(name, 1), schema(name, 7, setting, generation))
    assert found["spec"]["matchingPrecedence"] == precedence
    assert found["metadata"]["annotations"] == {AUTOUPDATE: left}
    assert found["metadata"]["generation"] == generation + (precedence == 1)


async def test_what_is_as_it_should_be_is_left_alone() -> None:
    held = schema("probes", 1)
    assert await restored(schema("probes", 1), held) is held


async def test_the_exempt_level_keeps_its_shares() -> None:
    wanted = {"spec": {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}}}
    held = {
        "metadata": {"name": "exempt", "annotations": {AUTOUPDATE: "true"}},
        "spec": {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 9, "lendablePercent": 50}},
    }
    assert await restored(wanted, held) is held


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    missing = told(schema("mine", 1), set(), "first")["status"]["conditions"]
    assert missing == [{
        "type": "Dangling", "status": "True", "reason": "NotFound", "lastTransitionTime": "first",
        "message": 'This FlowSchema references the PriorityLevelConfiguration object named "level" but there is no such object',
    }]  # fmt: skip
    held = schema("mine", 1) | {"status": {"conditions": [{"type": "Other"}, *missing]}}
    assert told(held, set(), "later")["status"]["conditions"][1]["lastTransitionTime"] == "first"
    other, found = told(held, {"level"}, "later")["status"]["conditions"]
    assert other == {"type": "Other"}
    assert (found["status"], found["reason"], found["lastTransitionTime"]) == ("False", "Found", "later")
