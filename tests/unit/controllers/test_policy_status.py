"""The status of ValidatingAdmissionPolicies: what of their expressions does not fit the kinds they are about."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.base.json import Obj
from kubern.controllers.kinds import validatingadmissionpolicy_status
from kubern.controllers.resources import DEFINITIONS, VALIDATING_POLICIES
from tests.unit.controllers.world import World

POLICIES = validatingadmissionpolicy_status.CONTROLLER.reconciler
assert POLICIES is not None
KEY = ("", "p")
WIDGETS: Obj = {
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com", "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": "v1", "served": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "size": {"type": "integer"}, "anything": {"x-kubernetes-preserve-unknown-fields": True},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            }},
        }}}}],
    },
}  # fmt: skip


def rule(group: str, version: str, *resources: str) -> Obj:
    return {"apiGroups": [group], "apiVersions": [version], "operations": ["*"], "resources": list(resources)}


DEPLOYMENTS, PODS, WIDGET = (
    rule("apps", "v1", "deployments"),
    rule("", "v1", "pods"),
    rule("example.com", "v1", "widgets"),
)


def policy(*validations: Obj, rules: tuple[Obj, ...] = (DEPLOYMENTS,), **spec: Any) -> Obj:
    return {
        "metadata": {"name": "p"},
        "spec": {"matchConstraints": {"resourceRules": list(rules)}, "validations": list(validations), **spec},
    }


def checked(made: Obj) -> Obj:
    """Let the controller look at a policy and return its status."""
    assert POLICIES is not None
    world = World()
    world.put(DEFINITIONS, WIDGETS)
    world.put(VALIDATING_POLICIES, made)
    assert world.settle(POLICIES, KEY) == 1
    status: Obj = world.get(VALIDATING_POLICIES, "p", "")["status"]
    return status


FITTING = {
    "plain": ("object.spec.replicas > 1 && object.metadata.name.startsWith('a')", (DEPLOYMENTS,)),
    "a reserved name": ("object.metadata.namespace == 'a'", (DEPLOYMENTS,)),
    "old object": ("oldObject == null || oldObject.spec.replicas == object.spec.replicas", (DEPLOYMENTS,)),
    "lists": ("object.spec.template.spec.containers.all(c, c.image.contains('/'))", (DEPLOYMENTS,)),
    "times": ("object.metadata.creationTimestamp < timestamp('2030-01-01T00:00:00Z')", (DEPLOYMENTS,)),
    "quantities": ("quantity(object.spec.containers[0].resources.limits['cpu']).isGreaterThan(quantity('1'))", (PODS,)),
    "int or string": ("object.spec.containers[0].livenessProbe.httpGet.port == 80", (PODS,)),
    "not a bool": ("object.spec.replicas", (DEPLOYMENTS,)),
    "custom": ("object.spec.size > 1 && object.spec.labels['a'] == 'b' && object.spec.anything.at.all", (WIDGET,)),
    "custom metadata": ("object.metadata.labels['a'] == 'b' && object.kind == 'Widget'", (WIDGET,)),
    "wildcards": ("object.nothing", (rule("*", "v1", "deployments"), rule("apps", "v1", "*", "deployments/scale"))),
    "unknown": ("object.nothing", (rule("apps", "v9", "deployments"),)),
    "recursive": ("object.spec.versions[0].schema.openAPIV3Schema.properties['a'].properties['b'].type == 'string'",
                  (rule("apiextensions.k8s.io", "v1", "customresourcedefinitions"),)),
}  # fmt: skip


@pytest.mark.parametrize(("expression", "rules"), FITTING.values(), ids=FITTING)
def test_nothing_is_said_of_what_fits_or_cannot_be_known(expression: str, rules: tuple[Obj, ...]) -> None:
    assert checked(policy({"expression": expression}, rules=rules)) == {"observedGeneration": 1, "typeChecking": {}}


def test_what_does_not_fit_is_told_for_each_kind() -> None:
    status = checked(
        policy({"expression": "true"}, {"expression": "object.spec.replicas > 1"}, rules=(DEPLOYMENTS, PODS, WIDGET))
    )
    place = " | object.spec.replicas > 1\n | ...........^\n"
    assert status["typeChecking"]["expressionWarnings"] == [
        {
            "fieldRef": "spec.validations[1].expression",
            "warning": f"/v1, Kind=Pod: ERROR: <input>:1:12: undefined field 'replicas'\n{place}\n"
            f"example.com/v1, Kind=Widget: ERROR: <input>:1:12: undefined field 'replicas'\n{place}",
        }
    ]


@pytest.mark.parametrize(
    ("validation", "spec", "place", "said"),
    [
        ({"expression": "object.spec.replicas == 'a'"}, {}, "expression", "found no matching overload for '_==_'"),
        ({"expression": "true", "messageExpression": "object.spec.replicas + 'a'"}, {}, "messageExpression", "found no matching overload"),
        ({"expression": "params.data.a == 1"}, {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}, "expression",
         "found no matching overload for '_==_' applied to '(string, int)'"),
        ({"expression": "variables.n == 'a'"}, {"variables": [{"name": "n", "expression": "object.spec.replicas"}]}, "expression",
         "found no matching overload for '_==_' applied to '(int, string)'"),
    ],
)  # fmt: skip
def test_warnings(validation: Obj, spec: Obj, place: str, said: str) -> None:
    (warning,) = checked(policy(validation, **spec))["typeChecking"]["expressionWarnings"]
    assert warning["fieldRef"] == f"spec.validations[0].{place}"
    assert said in warning["warning"]


def test_unknown_parameters_may_be_anything() -> None:
    made = policy({"expression": "params.a.b == 1"}, paramKind={"apiVersion": "x/v1", "kind": "Unknown"})
    assert checked(made)["typeChecking"] == {}


def test_each_generation_is_checked_once() -> None:
    assert POLICIES is not None
    world = World()
    world.put(VALIDATING_POLICIES, policy({"expression": "object.nothing"}))
    world.settle(POLICIES, KEY)
    assert world.plan(POLICIES, KEY).status is None

    def mend(each: Obj) -> None:
        each["spec"]["validations"] = [{"expression": "true"}]

    world.change(VALIDATING_POLICIES, "p", mend, "")
    world.settle(POLICIES, KEY)
    assert world.get(VALIDATING_POLICIES, "p", "")["status"] == {"observedGeneration": 2, "typeChecking": {}}
