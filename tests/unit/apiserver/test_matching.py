"""Which requests a rule, a selector and an equivalent version match."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kubern.api.resource import Resource
from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.identity import User
from kubern.apiserver.matching import Rules, selects_namespace, selects_object
from kubern.base.errors import NotFound


def resource(group, version, kind, plural, prefix="", namespaced=True):
    return Resource(group, version, kind, plural, kind.lower(), namespaced, "", storage_prefix=prefix or plural)


PODS = resource("", "v1", "Pod", "pods")
NODES = resource("", "v1", "Node", "nodes", namespaced=False)
NAMESPACES = resource("", "v1", "Namespace", "namespaces", namespaced=False)
EVENTS = resource("", "v1", "Event", "events")
NEWER_EVENTS = resource("events.k8s.io", "v1", "Event", "events")
WIDGETS = resource("x.io", "v2", "Widget", "widgets", "x/widgets")
OLDER_WIDGETS = resource("x.io", "v1", "Widget", "widgets", "x/widgets")
SPACES = {"ns": SimpleNamespace(labels={"team": "a"})}
CORE = SimpleNamespace(
    resources={
        (r.group, r.version, r.plural): r
        for r in (PODS, NODES, NAMESPACES, EVENTS, NEWER_EVENTS, WIDGETS, OLDER_WIDGETS)
    },
    namespace=SPACES.get,
)


def asked(of=PODS, operation="CREATE", subresource="", namespace=None, obj=None, old=None, name="a"):
    if namespace is None:
        namespace = "ns" if of.namespaced else ""
    return Attributes(CORE, operation, of, namespace, name, obj, old, User("u"), subresource)


def rule(resources=("pods",), groups=("",), versions=("v1",), operations=("*",), **more):
    return {
        "apiGroups": list(groups), "apiVersions": list(versions), "operations": list(operations),
        "resources": list(resources),
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("one", "request_", "matched"),
    [
        (rule(), asked(), True),
        (rule(), asked(subresource="status"), False),
        (rule(("pods/*",)), asked(), True),
        (rule(("pods/*",)), asked(subresource="status"), True),
        (rule(("*/status",)), asked(subresource="status"), True),
        (rule(("*/status",)), asked(), False),
        (rule(("*",)), asked(), True),
        (rule(("*",)), asked(subresource="status"), False),
        (rule(("*/*",)), asked(subresource="exec", operation="CONNECT"), True),
        (rule(operations=("UPDATE", "DELETE")), asked(), False),
        (rule(operations=("UPDATE", "DELETE")), asked(operation="DELETE"), True),
        (rule(groups=("apps",)), asked(), False),
        (rule(groups=("*",)), asked(), True),
        (rule(versions=("v2",)), asked(), False),
        (rule(versions=("*",)), asked(), True),
        (rule(scope="Cluster"), asked(), False),
        (rule(scope="Namespaced"), asked(), True),
        (rule(("nodes",), scope="Cluster"), asked(NODES), True),
        (rule(("namespaces",), scope="Namespaced"), asked(NAMESPACES, namespace="ns", operation="UPDATE"), False),
        (rule(("namespaces",), scope="Cluster"), asked(NAMESPACES, namespace="ns", operation="UPDATE"), True),
        (rule(resourceNames=["b"]), asked(), False),
        (rule(resourceNames=["a"]), asked(), True),
    ],
)
def test_rule(one, request_, matched):
    assert Rules([one]).version_for(request_) == (request_.resource if matched else None)


@pytest.mark.parametrize(
    ("one", "of", "policy", "found"),
    [
        (rule(("widgets",), ("x.io",), ("v1",)), WIDGETS, "Equivalent", OLDER_WIDGETS),
        (rule(("widgets",), ("x.io",), ("v1",)), WIDGETS, "Exact", None),
        (rule(("widgets",), ("x.io",), ("v1", "v2")), WIDGETS, "Equivalent", WIDGETS),
        (rule(("events",), ("events.k8s.io",)), EVENTS, "Equivalent", NEWER_EVENTS),
        (rule(("pods",), ("x.io",)), PODS, "Equivalent", None),
    ],
    ids=["older", "exact", "own first", "other group", "none"],
)
def test_equivalent(one, of, policy, found):
    assert Rules([one], policy).version_for(asked(of)) == found


def test_remembered_until_the_registry_changes(monkeypatch):
    rules = Rules([rule(("widgets",), ("x.io",), ("v1",))])
    assert rules.version_for(asked(WIDGETS)) is OLDER_WIDGETS
    monkeypatch.setattr(CORE, "resources", {("x.io", "v2", "widgets"): WIDGETS})
    assert rules.version_for(asked(WIDGETS)) is None


TEAM_A = {"matchLabels": {"team": "a"}}


@pytest.mark.parametrize(
    ("selector", "request_", "taken"),
    [
        ({}, asked(), True),
        (TEAM_A, asked(), True),
        ({"matchLabels": {"team": "b"}}, asked(), False),
        ({"matchLabels": {"team": "b"}}, asked(NODES), True),
        (TEAM_A, asked(NAMESPACES, obj={"metadata": {"labels": {"team": "a"}}}), True),
        (TEAM_A, asked(NAMESPACES, obj={"metadata": {}}), False),
        (TEAM_A, asked(NAMESPACES, "DELETE", old={"metadata": {"labels": {"team": "a"}}}), True),
    ],
)
def test_namespace_selector(selector, request_, taken):
    assert selects_namespace(selector, request_) is taken


def test_namespace_that_is_not_there():
    with pytest.raises(NotFound, match='namespaces "gone" not found'):
        selects_namespace(TEAM_A, asked(namespace="gone"))


@pytest.mark.parametrize(
    ("obj", "old", "taken"),
    [
        ({"metadata": {"labels": {"team": "a"}}}, None, True),
        ({"metadata": {}}, {"metadata": {"labels": {"team": "a"}}}, True),
        ({"metadata": {}}, None, False),
        ({}, None, False),
        (None, None, False),
    ],
    ids=["new", "old", "none", "no metadata", "nothing"],
)
def test_object_selector(obj, old, taken):
    assert selects_object(TEAM_A, asked(obj=obj, old=old)) is taken
