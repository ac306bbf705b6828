from typing import Any

import pytest

from kubern.api import field
from kubern.api.metadata import check_metadata, finalizer_warnings
from kubern.api.names import dns1123_subdomain, label_value, qualified_name

GOOD: dict[str, Any] = {"name": "web", "namespace": "default"}
OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a", "uid": "1"}


def test_good_metadata_has_no_causes() -> None:
    metadata = GOOD | {
        "labels": {"app": "web"}, "annotations": {"example.com/A": "x"}, "ownerReferences": [OWNER], "finalizers": ["a.b/c"],
    }  # fmt: skip
    assert check_metadata(metadata, namespaced=True) == []


@pytest.mark.parametrize(
    ("change", "causes"),
    [
        ({"name": ""}, [field.required("metadata.name", "name or generateName is required")]),
        ({"name": "A"}, [field.invalid("metadata.name", "A", dns1123_subdomain("A")[0])]),
        ({"namespace": ""}, [field.required("metadata.namespace")]),
        ({"labels": {"a b": "x"}}, [field.invalid("metadata.labels", "a b", qualified_name("a b")[0])]),
        ({"labels": {"a": "x y"}}, [field.invalid("metadata.labels", "x y", label_value("x y")[0])]),
        ({"annotations": {"a": "x" * 262144}}, [field.too_long("metadata.annotations", 262144)]),
        (
            {"ownerReferences": [OWNER | {"uid": ""}]},
            [field.invalid("metadata.ownerReferences.uid", "", "must not be empty")],
        ),
        ({"generateName": "A_-"}, [field.invalid("metadata.generateName", "A_-", dns1123_subdomain("A")[0])]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_fault_is_named(change: dict[str, Any], causes: list[Any]) -> None:
    assert check_metadata(GOOD | change, namespaced=True) == causes


def test_a_cluster_scoped_object_has_no_namespace() -> None:
    assert check_metadata(GOOD, namespaced=False) == [field.forbidden("metadata.namespace", "not allowed on this type")]


def test_there_is_one_controller_at_most() -> None:
    owners = [OWNER | {"controller": True}, OWNER | {"name": "b", "controller": True}]
    (cause,) = check_metadata(GOOD | {"ownerReferences": owners}, namespaced=True)
    assert cause.message.endswith(
        'Only one reference can have Controller set to true. Found "true" in references for a and b'
    )


def test_finalizers_without_a_domain_are_warned_about() -> None:
    assert finalizer_warnings({"finalizers": ["mine", "orphan", "a.b/c"]}) == [
        'metadata.finalizers: "mine": prefer a domain-qualified finalizer name including a path (/) to avoid accidental '
        "conflicts with other finalizer writers"
    ]
