"""What every path of a resource does alike: selectors, continue tokens, options, bodies, patches and deletions that are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.api.upstream.requests.schemas import GROUP, TEXT, WHOLE, defined, definition, made, place
from tests.api.upstream.story import Step

PLURAL = "machines"
PLACE = place(PLURAL)
ONE = f"{PLACE}/one"
JSON_PATCH, MERGE = {"content-type": "application/json-patch+json"}, {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}
STATUS = {"status": {}, "scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.replicas"}}
COLUMNS = [
    {"name": "N", "type": "integer", "jsonPath": ".spec.n", "priority": 1},
    {"name": "Color", "type": "string", "jsonPath": ".spec.color", "description": "Its colour."},
]
SCHEMA = {
    "type": "object",
    "properties": {
        "n": WHOLE,
        "color": TEXT,
        "keyed": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": TEXT, "n": WHOLE}},
        },
    },
}


def _with_one(*steps: Step) -> Sequence[Step]:
    """Make a definition and an object, and do the steps."""
    return defined(
        definition(PLURAL, SCHEMA, subresources=STATUS, additionalPrinterColumns=COLUMNS),
        Step("POST", f"{PLACE}?fieldManager=m", made(PLURAL, spec={"n": 1, "color": "red"}), kept=False),
        *steps,
    )


def _gets(*queries: str) -> Sequence[Step]:
    return _with_one(*(Step("GET", f"{PLACE}?{query}") for query in queries))


def _posts(*bodies: Any) -> Sequence[Step]:
    return defined(definition(PLURAL, SCHEMA), *(Step("POST", f"{PLACE}?dryRun=All", body) for body in bodies))


def _patches(headers: dict[str, str], *bodies: Any, path: str = ONE) -> Sequence[Step]:
    return _with_one(*(Step("PATCH", f"{path}?dryRun=All&fieldManager=n", body, headers) for body in bodies))


def _operations(*operations: Any) -> Sequence[Step]:
    return _patches(JSON_PATCH, *([each] for each in operations))


def _machine(**more: Any) -> dict[str, Any]:
    return made(PLURAL) | more


def _deletions(*asked: tuple[str, Any]) -> Sequence[Step]:
    return _with_one(*(Step("DELETE", f"{ONE}?dryRun=All{query}", body) for query, body in asked))


META = {"name": "one", "namespace": "default"}

STORIES = {
    "a list": _gets("", "limit=5", "resourceVersion=0"),
    "label selectors": _gets(
        "labelSelector=a%20b", "labelSelector=a%20in%20(", "labelSelector=a%20in", "labelSelector=a=b=c", "labelSelector=%2C",
        "labelSelector=%2C%2C", "labelSelector=a%3D%40", "labelSelector=-a%3Db", "labelSelector=a%2C", "labelSelector=a%3Eb",
        "labelSelector=a%20in%20(b%20c)", "labelSelector=!", "labelSelector=a%20notin%20()", "labelSelector=!a",
    ),
    "field selectors": _gets("fieldSelector=metadata.name%3Done", "fieldSelector=spec.n%3D1", "fieldSelector=bad"),
    "continue tokens": _gets("continue=x", "continue=x&resourceVersion=5", "continue=e30", "continue=!"),
    "versions": _gets("resourceVersion=abc", "resourceVersionMatch=Exact", "resourceVersionMatch=Bad&resourceVersion=1"),
    "identity of a new object": _posts(
        _machine(kind="Other"), _machine(apiVersion=f"{GROUP}/v9"), {"kind": "Machines", "metadata": META},
        {"apiVersion": f"{GROUP}/v1", "metadata": META}, _machine(metadata={}), _machine(metadata={"name": "A_"}),
    ),
    "identity of a changed object": _with_one(
        Step("PUT", f"{ONE}?dryRun=All", _machine()), Step("PUT", f"{ONE}?dryRun=All", _machine(metadata={"name": "two"})),
        Step("PUT", f"{ONE}?dryRun=All", _machine(metadata={})),
        Step("PUT", f"{ONE}?dryRun=All", _machine(metadata={"name": "one", "resourceVersion": "1"})),
    ),
    "merge patches": _patches(
        MERGE, {}, {"spec": {"n": 7}}, {"spec": {"color": None}}, {"kind": "X"}, {"apiVersion": "x"}, [], 5, b"{", b"",
        {"metadata": {"name": None}}, {"metadata": {"resourceVersion": "1"}},
    ),
    "status patches": _patches(MERGE, {"status": {"replicas": 2}}, {"status": {"replicas": "x"}}, {"spec": {"n": 2}}, path=f"{ONE}/status"),
    "operations": _operations(
        {"op": "bad", "path": "/spec"}, {"path": "/spec"}, {"op": 5, "path": "/spec"}, {"op": "add", "path": "/spec/n"},
        {"op": "remove"}, {"op": "copy", "path": "/a"}, {"op": "move", "from": "/a"}, {"op": "remove", "path": "/none"},
        {"op": "test", "path": "/spec/n", "value": 2}, {"op": "remove", "path": "/metadata/name"}, 5, "x", None,
        {"op": "replace", "path": "/spec/n", "value": 3},
    ),
    "no operations": _patches(JSON_PATCH, {"op": "add"}, 5, "x"),
    "deletions": _deletions(
        ("&gracePeriodSeconds=x", None), ("&propagationPolicy=Bad", None), ("", {"propagationPolicy": "X"}),
        ("&propagationPolicy=Orphan&orphanDependents=true", None),
    ),
}  # fmt: skip
