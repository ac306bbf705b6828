"""Which schema a request belongs to, with the schemas that every cluster has."""

from __future__ import annotations

import pytest

from kubern.apiserver.flow.estimate import list_width
from kubern.apiserver.flow.matching import flow_of, matches
from kubern.apiserver.flow.objects import flow_schemas, priority_levels
from kubern.apiserver.identity import AUTHENTICATED, MASTERS, User
from kubern.apiserver.request_info import parse_request

NODE = User("system:node:a", ("system:nodes", AUTHENTICATED))
ALICE = User("alice", (AUTHENTICATED,))
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x"


def account(namespace: str, name: str) -> User:
    return User(f"system:serviceaccount:{namespace}:{name}", ("system:serviceaccounts", AUTHENTICATED))


@pytest.mark.parametrize(
    ("user", "method", "path", "schema"),
    [
        (User("root", (MASTERS, AUTHENTICATED)), "DELETE", "/api/v1/nodes", "exempt"),
        (ALICE, "GET", "/readyz", "probes"),
        (ALICE, "GET", "/metrics", "global-default"),
        (ALICE, "POST", "/api/v1/namespaces/a/pods", "global-default"),
        (User("system:kube-scheduler", (AUTHENTICATED,)), "PUT", LEASE, "system-leader-election"),
        (User("system:kube-scheduler", (AUTHENTICATED,)), "GET", "/api/v1/pods", "kube-scheduler"),
        (User("system:kube-controller-manager", (AUTHENTICATED,)), "PUT", "/api/v1/namespaces/a/endpoints/x",
         "endpoint-controller"),
        (NODE, "PATCH", "/api/v1/nodes/a/status", "system-node-high"),
        (NODE, "GET", "/api/v1/namespaces/a/secrets/x", "system-nodes"),
        (account("kube-system", "x"), "GET", "/api/v1/pods", "kube-system-service-accounts"),
        (account("a", "x"), "GET", "/api/v1/pods", "service-accounts"),
    ],
)  # fmt: skip
def test_the_first_schema_that_matches_takes_a_request(user: User, method: str, path: str, schema: str) -> None:
    info = parse_request(method, path, "")
    assert next(found["metadata"]["name"] for found in flow_schemas() if matches(found, user, info)) == schema


def test_every_schema_has_its_level() -> None:
    levels = {level["metadata"]["name"] for level in priority_levels()}
    assert {schema["spec"]["priorityLevelConfiguration"]["name"] for schema in flow_schemas()} == levels


def test_a_rule_for_some_namespaces_takes_no_request_for_all() -> None:
    rule = {"verbs": ["*"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["a"]}
    subject = {"kind": "User", "user": {"name": "*"}}
    schema = {"spec": {"rules": [{"subjects": [subject], "resourceRules": [rule]}]}}
    paths = (
        "/api/v1/namespaces/a/pods",
        "/api/v1/namespaces/b/pods",
        "/api/v1/pods",
        "/api/v1/namespaces/a/pods/x/status",
    )
    assert [matches(schema, ALICE, parse_request("GET", path, "")) for path in paths] == [True, False, False, False]


def test_flows_are_told_apart_as_the_schema_says() -> None:
    info = parse_request("GET", "/api/v1/namespaces/a/pods", "")
    for method, distinguisher in (("ByUser", "alice"), ("ByNamespace", "a"), (None, "")):
        spec = {"distinguisherMethod": {"type": method}} if method else {}
        assert flow_of({"metadata": {"name": "s"}, "spec": spec}, ALICE, info) == f"s\0{distinguisher}"


@pytest.mark.parametrize(
    ("query", "stored", "width"),
    [("", 0, 1), ("", 250, 3), ("", 5000, 10), ("limit=100", 5000, 1), ("limit=100&labelSelector=a", 5000, 10)],
)
def test_a_long_list_takes_more_seats(query: str, stored: int, width: int) -> None:
    assert list_width(parse_request("GET", "/api/v1/pods", query), stored) == width
