"""One sound object of every resource of the named groups: defaults settle, checks pass, columns can be drawn, versions convert."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from kubern.api.resource import Resource
from kubern.api.resources import load
from tests.samples import SAMPLES

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def sample(resource: Resource) -> dict[str, Any]:
    """Return the resource's sample, or an empty object of it, as it stands when the hooks get it."""
    obj: dict[str, Any] = {"apiVersion": resource.api_version, "kind": resource.kind}
    obj |= deepcopy(SAMPLES.get(f"{resource.group} {resource.plural}", {}))
    metadata = {"name": "sample", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    obj["metadata"] = metadata | ({"namespace": "default"} if resource.namespaced else {}) | obj.get("metadata", {})
    return obj


def _created(resource: Resource) -> dict[str, Any]:
    obj = sample(resource)
    resource.default(obj)
    resource.prepare_create(obj)
    return obj


NAMED = [resource for resource in load() if resource.group]
ids = [f"{r.api_version}-{r.plural}" for r in NAMED]
every = pytest.mark.parametrize("resource", NAMED, ids=ids)
sampled = pytest.mark.parametrize(
    "resource", [r for r in NAMED if f"{r.group} {r.plural}" in SAMPLES], ids=lambda r: r.plural
)


def test_every_sample_is_of_a_resource() -> None:
    assert set(SAMPLES) <= {f"{r.group} {r.plural}" for r in NAMED}


@every
def test_defaults_given_once_are_not_changed_again(resource: Resource) -> None:
    obj = sample(resource)
    resource.default(obj)
    once = deepcopy(obj)
    resource.default(obj)
    assert obj == once


@sampled
def test_a_sound_object_has_no_errors(resource: Resource) -> None:
    obj = _created(resource)
    assert resource.validate(obj) == []
    assert not resource.validate_name or resource.validate_name(obj["metadata"]["name"]) == []


@sampled
def test_an_unchanged_object_may_be_updated(resource: Resource) -> None:
    old, new = _created(resource), _created(resource)
    resource.prepare_update(new, old)
    assert resource.validate_update(new, old) == []
    assert new == old


@sampled
def test_a_status_as_it_was_may_be_written(resource: Resource) -> None:
    assert resource.validate_status_update(_created(resource), _created(resource)) == []


@every
def test_columns_can_be_drawn_for_a_full_and_for_an_empty_object(resource: Resource) -> None:
    types = {"string": str, "integer": int, "boolean": (bool, str), "date": str}
    for obj in (_created(resource), {"metadata": {"name": "empty"}}):
        for column in resource.columns:
            assert isinstance(column.cell(obj, NOW), types[column.type]), column.name


@every
def test_selectable_fields_are_texts(resource: Resource) -> None:
    for obj in (_created(resource), {"metadata": {"name": "empty"}}):
        assert all(isinstance(value, str) for value in resource.fields(obj).values())


@pytest.mark.parametrize("resource", [r for r in NAMED if r.conversion], ids=lambda r: f"{r.api_version}-{r.plural}")
def test_nothing_is_lost_by_converting_to_another_version_and_back(resource: Resource) -> None:
    assert resource.conversion is not None
    stored = _created(resource)
    served = deepcopy(stored)
    resource.conversion.from_storage(served)
    resource.conversion.to_storage(served)
    assert served == stored


@every
def test_validation_changes_nothing(resource: Resource) -> None:
    obj = _created(resource)
    before = deepcopy(obj)
    resource.validate(obj)
    assert obj == before
