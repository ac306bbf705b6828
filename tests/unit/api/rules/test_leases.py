"""What a LeaseCandidate may say, how versions compare, and what a review of access may say of itself."""

from __future__ import annotations

import pytest

from kubern.api.resources.coordination.leasecandidates import RESOURCE
from kubern.api.rules.access_reviews import check_metadata
from kubern.api.rules.lease_strategies import version
from kubern.base.json import Obj

SOUND: Obj = {
    "leaseName": "a", "binaryVersion": "1.36.0", "emulationVersion": "1.35.0", "strategy": "OldestEmulationVersion",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"leaseName": ""}, ["spec.leaseName: Required value"]),
        ({"strategy": ""}, ["spec.strategy: Required value"]),
        (
            {"strategy": "X"},
            ['spec.strategy.strategy: Unsupported value: "X": supported values: "OldestEmulationVersion"'],
        ),
        ({"binaryVersion": ""}, ["spec.binaryVersion: Required value"]),
        (
            {"emulationVersion": ""},
            ["spec.emulationVersion: Required value: must be specified when `strategy` is 'OldestEmulationVersion'"],
        ),
        ({"emulationVersion": "v1"}, ['spec.emulationVersion: Invalid value: "v1": must be a valid semantic version']),
        (
            {"binaryVersion": "1.34.0"},
            ['spec.binaryVersion: Invalid value: "1.34.0": must be greater than or equal to `emulationVersion`'],
        ),
    ],
    ids=["sound", "lease", "strategy", "unknown", "binary", "emulation", "no-version", "older"],
)
def test_a_lease_candidate(change: Obj, expected: list[str]) -> None:
    causes = RESOURCE.validate({"metadata": {"name": "x"}, "spec": SOUND | change})
    assert [f"{cause.field}: {cause.message}" for cause in causes] == expected


def test_a_lease_candidate_stays_with_its_lease() -> None:
    old, new = {"spec": SOUND}, {"spec": SOUND | {"leaseName": "b"}}
    assert [cause.field for cause in RESOURCE.validate_update(new, old)] == ["spec.leaseName"]
    assert not RESOURCE.validate_update(old, old)


def test_versions_compare_as_semantic_versions_do() -> None:
    rising = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.10.0"]
    found = [version(text) for text in rising]
    assert None not in found
    assert sorted(found, key=lambda each: each or ()) == found
    assert [version(text) for text in ("1.0", "01.0.0", "v1.0.0", "")] == [None] * 4


@pytest.mark.parametrize(
    ("metadata", "local", "expected"),
    [
        (None, False, []),
        ({"creationTimestamp": None}, False, []),
        ({"namespace": "a"}, True, []),
        ({"name": "x"}, False, ['Invalid value: {"name":"x"}: must be empty']),
        ({"name": "x"}, True, ['Invalid value: {"name":"x"}: must be empty except for namespace']),
    ],
    ids=["none", "no-time", "namespace", "name", "local-name"],
)
def test_a_review_says_nothing_of_itself(metadata: Obj | None, local: bool, expected: list[str]) -> None:
    assert [cause.message for cause in check_metadata(metadata, local=local)] == expected
