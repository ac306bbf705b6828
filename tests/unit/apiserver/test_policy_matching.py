"""Which requests the match constraints of a policy mean."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kubern.api.resource import OtherVersion, Resource
from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.identity import User
from kubern.apiserver.matching import matched_resource


def resource(group: str, version: str, plural: str, namespaced: bool = True, **more: Any) -> Resource:
    return Resource(group, version, plural.title(), plural, plural, namespaced, "schema", **more)


PODS = resource("", "v1", "pods")
NODES = resource("", "v1", "nodes", False)
NAMESPACES = resource("", "v1", "namespaces", False)
SCALERS = resource("autoscaling", "v2", "scalers", other_versions=(OtherVersion("v1", "schema"),))
POLICIES = resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", False)
SERVED = (PODS, NODES, NAMESPACES, *SCALERS.versions(), POLICIES)
CORE: Any = SimpleNamespace(
    resources={(r.group, r.version, r.plural): r for r in SERVED},
    namespace=lambda name: SimpleNamespace(labels={"team": name}),
)


def matched(source: dict[str, Any], of: Resource = PODS, operation: str = "CREATE", **more: Any) -> Resource | None:
    given = {"namespace": "a" if of.namespaced else "", "name": "n", "obj": {"metadata": {}}, "old": None} | more
    attributes = Attributes(core=CORE, operation=operation, resource=of, user=User("u"), **given)
    return matched_resource(source, attributes)


def rule(**changed: Any) -> dict[str, Any]:
    return {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]} | changed


@pytest.mark.parametrize(
    ("changed", "more", "yes"),
    [
        ({}, {}, True),
        ({"operations": ["UPDATE"]}, {}, False),
        ({"apiGroups": ["apps"]}, {}, False),
        ({"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}, {}, True),
        ({"resources": ["pods/status"]}, {}, False),
        ({"resources": ["pods/status"]}, {"subresource": "status"}, True),
        ({"resources": ["pods"]}, {"subresource": "status"}, False),
        ({"resources": ["pods/*"]}, {"subresource": "status"}, True),
        ({"resources": ["*/status"]}, {"subresource": "status"}, True),
        ({"resources": ["*/*"]}, {}, True),
        ({"scope": "Namespaced"}, {}, True),
        ({"scope": "Cluster"}, {}, False),
        ({"scope": "Cluster"}, {"of": NODES}, True),
        ({"scope": "Cluster"}, {"of": NAMESPACES, "namespace": "a"}, True),
        ({"resourceNames": ["other"]}, {}, False),
        ({"resourceNames": ["n"]}, {}, True),
        ({"resources": ["*", "*/*"]}, {"of": POLICIES}, False),
    ],
)
def test_rules(changed: dict[str, Any], more: dict[str, Any], yes: bool) -> None:
    assert (matched({"resourceRules": [rule(**changed)]}, **more) is not None) is yes


def test_excluding_rules_win() -> None:
    assert matched({"resourceRules": [rule()], "excludeResourceRules": [rule(resources=["pods"])]}) is None
    assert matched({"resourceRules": [rule()], "excludeResourceRules": [rule(resources=["nodes"])]}) is PODS


def test_equivalent_versions_match_unless_exactness_is_asked() -> None:
    newer, older = SCALERS.versions()
    source = {"resourceRules": [rule(apiGroups=["autoscaling"], apiVersions=["v1"], resources=["scalers"])]}
    found = matched(source, newer)
    assert found is not None
    assert found.version == "v1"
    assert matched(source | {"matchPolicy": "Exact"}, newer) is None
    assert matched(source | {"matchPolicy": "Exact"}, older) is older


LABELLED = {"metadata": {"labels": {"team": "a", "app": "x"}}}


@pytest.mark.parametrize(
    ("selectors", "more", "yes"),
    [
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, {}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "b"}}}, {}, False),
        ({"namespaceSelector": {"matchLabels": {"team": "b"}}}, {"of": NODES}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, {"of": NAMESPACES, "obj": LABELLED}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "a"}}}, {"of": NAMESPACES}, False),
        ({"objectSelector": {"matchLabels": {"app": "x"}}}, {}, False),
        ({"objectSelector": {"matchLabels": {"app": "x"}}}, {"obj": LABELLED}, True),
        ({"objectSelector": {"matchLabels": {"app": "x"}}}, {"obj": None, "old": LABELLED}, True),
        ({"namespaceSelector": {}, "objectSelector": {}}, {}, True),
    ],
)
def test_selectors(selectors: dict[str, Any], more: dict[str, Any], yes: bool) -> None:
    assert (matched({"resourceRules": [rule()]} | selectors, **more) is not None) is yes
