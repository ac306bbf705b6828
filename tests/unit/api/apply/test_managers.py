"""How writes move fields between managers: table-driven, with entries as upstream shows them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kubern.api.apply.fieldset import Fields
from kubern.api.apply.managers import (
    ANCIENT,
    APPLY,
    MOST_UPDATERS,
    UPDATE,
    ChangesIn,
    Conflicting,
    Held,
    Manager,
    apply,
    decode,
    encode,
    manager,
    update,
)  # fmt: skip

NOW, BEFORE = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"


def changing(changed: Fields | None, removed: Fields | None = None) -> ChangesIn:
    async def changes(api_version: str) -> Any:
        return None if api_version == "gone/v1" else (changed, removed)

    return changes


def held(*names: str, version: str = "v1") -> Held:
    return Held(version, BEFORE, {f"f:{name}": {} for name in names})


ONE, TWO = manager("one", UPDATE, "v1"), manager("two", APPLY, "v1")


def test_an_update_takes_what_it_changes_and_drops_what_it_removes() -> None:
    managers = {ONE: held("a", "b"), TWO: held("b", "c")}
    who = manager("three", UPDATE, "v1")
    after = asyncio.run(update(managers, who, "v1", changing({"f:b": {}}, {"f:c": {}}), NOW))
    assert after == {ONE: held("a"), who: Held("v1", NOW, {"f:b": {}})}


def test_an_update_that_changes_nothing_leaves_everything_as_it_is() -> None:
    managers = {ONE: held("a")}
    assert asyncio.run(update(managers, ONE, "v1", changing(None), NOW)) is managers


def test_a_manager_of_a_version_that_is_not_served_any_more_goes() -> None:
    managers = {ONE: held("a"), manager("old", UPDATE, "gone/v1"): held("z", version="gone/v1")}
    after = asyncio.run(update(managers, ONE, "v1", changing({"f:b": {}}), NOW))
    assert after == {ONE: Held("v1", NOW, {"f:a": {}, "f:b": {}})}


def test_conflicts_name_every_manager_and_field() -> None:
    managers = {ONE: held("a", "b"), TWO: held("c")}
    who = manager("three", APPLY, "v1")
    with pytest.raises(Conflicting) as caught:
        asyncio.run(apply(managers, who, held("a", "c"), changing({"f:a": {}, "f:c": {}}), force=False))
    assert str(caught.value) == (
        'Apply failed with 2 conflicts: conflicts with "one" using v1:\n- .a\nconflicts with "two":\n- .c'
    )


def test_force_takes_the_fields() -> None:
    after = asyncio.run(apply({ONE: held("a", "b")}, TWO, held("a"), changing({"f:a": {}}), force=True))
    assert after == {ONE: held("b"), TWO: held("a")}


def test_applying_the_same_again_keeps_the_time() -> None:
    managers = {TWO: held("a")}
    again = held("a")._replace(time=NOW)
    assert asyncio.run(apply(managers, TWO, again, changing(None), force=False)) == managers


def test_appliers_are_one_in_every_version_and_updaters_are_not() -> None:
    assert manager("x", APPLY, "v1") == manager("x", APPLY, "v2")
    assert manager("x", UPDATE, "v1") != manager("x", UPDATE, "v2")


def test_entries_come_in_upstreams_order_and_survive() -> None:
    managers = {
        ONE: held("a"), Manager("zed", UPDATE, "v1", "status"): Held("v1", BEFORE, {"f:status": {}}),
        TWO: Held("v1", NOW, {"f:c": {}}), manager("idle", APPLY, "v1"): Held("v1", NOW, {}),
    }  # fmt: skip
    entries = encode(managers)
    assert [entry["manager"] for entry in entries] == ["two", "one", "zed"]
    assert entries[2]["subresource"] == "status"
    assert encode(decode(entries)) == entries


def test_the_oldest_updaters_are_put_together() -> None:
    managers = {
        manager(f"m{n:02}", UPDATE, "v1"): Held("v1", f"2026-01-01T00:00:{n:02}Z", {f"f:x{n}": {}})
        for n in range(MOST_UPDATERS)
    }
    after = asyncio.run(update(managers, manager("new", UPDATE, "v1"), "v1", changing({"f:y": {}}), NOW))
    assert len(after) == MOST_UPDATERS
    assert after[manager(ANCIENT, UPDATE, "v1")] == Held("v1", "2026-01-01T00:00:01Z", {"f:x0": {}, "f:x1": {}})


@pytest.mark.parametrize(
    "entry",
    [
        {"operation": "Take", "fieldsType": "FieldsV1"},
        {"operation": "Update", "fieldsType": "FieldsV2"},
        {"operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"spec": {}}},
    ],
)
def test_entries_that_are_not_understood(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be understood"):
        decode([entry])
