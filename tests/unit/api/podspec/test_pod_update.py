"""What may change in a pod, through each of its paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubern.api.podspec.resize import prepare_resize_update, validate_resize_update
from kubern.api.podspec.status_update import validate_pod_status_update
from kubern.api.podspec.update import (
    copied,
    difference,
    prepare_ephemeral_update,
    validate_ephemeral_update,
    validate_pod_update,
)
from kubern.base.json import Obj

OTHERS = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
)


def pod(**spec: Any) -> Obj:
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}], **spec}, "status": {}}


def changed(old: Obj, change: Callable[[Obj], Any]) -> Obj:
    new: Obj = copied(old)
    change(new["spec"])
    return new


@pytest.mark.parametrize(
    ("old", "change"),
    [
        ({}, lambda spec: spec["containers"][0].update(image="i:2")),
        ({}, lambda spec: spec.update(activeDeadlineSeconds=5)),
        ({"activeDeadlineSeconds": 9}, lambda spec: spec.update(activeDeadlineSeconds=5)),
        ({"tolerations": [{"key": "a"}]}, lambda spec: spec["tolerations"].append({"key": "b"})),
        ({"tolerations": [{"key": "a"}]}, lambda spec: spec["tolerations"][0].update(tolerationSeconds=5)),
        ({"schedulingGates": [{"name": "g"}]}, lambda spec: spec.pop("schedulingGates")),
        ({"schedulingGates": [{"name": "g"}]}, lambda spec: spec.update(nodeSelector={"a": "b"})),
        ({"terminationGracePeriodSeconds": -1}, lambda spec: spec.update(terminationGracePeriodSeconds=1)),
    ],
    ids=["image", "deadline", "sooner", "toleration", "seconds", "gate", "narrower", "grace"],
)
def test_allowed(old: Obj, change: Callable[[Obj], Any]) -> None:
    before = pod(**old)
    assert validate_pod_update(changed(before, change), before) == []


@pytest.mark.parametrize(
    ("old", "change", "field", "message"),
    [
        ({}, lambda s: s.update(nodeName="n"), "spec", OTHERS + '+ nodeName: "n"'),
        ({}, lambda s: s["containers"][0].update(command=["x"]), "spec", OTHERS + '+ containers[0].command: ["x"]'),
        ({}, lambda s: s["containers"].append({}), "spec.containers", "Forbidden: pod updates may not add or remove containers"),
        (
            {"activeDeadlineSeconds": 5}, lambda s: s.update(activeDeadlineSeconds=6), "spec.activeDeadlineSeconds",
            "Invalid value: 6: must be less than or equal to previous value",
        ),
        (
            {"activeDeadlineSeconds": 5}, lambda s: s.pop("activeDeadlineSeconds"), "spec.activeDeadlineSeconds",
            "Invalid value: null: must not update from a positive integer to nil value",
        ),
        (
            {"tolerations": [{"key": "a"}]}, lambda s: s.update(tolerations=[]), "spec.tolerations",
            "Forbidden: existing toleration can not be modified except its tolerationSeconds",
        ),
        (
            {}, lambda s: s.update(schedulingGates=[{"name": "g"}]), "spec.schedulingGates[0]",
            "Forbidden: only deletion is allowed, but found new scheduling gate 'g'",
        ),
        (
            {"schedulingGates": [{"name": "g"}], "nodeSelector": {"a": "b"}}, lambda s: s.update(nodeSelector={"a": "c"}),
            "spec.nodeSelector",
            'Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
        ),
    ],
)  # fmt: skip
def test_refused(old: Obj, change: Callable[[Obj], Any], field: str, message: str) -> None:
    before = pod(**old)
    causes = validate_pod_update(changed(before, change), before)
    assert [(cause.field, cause.message) for cause in causes] == [(field, message)]


@pytest.mark.parametrize(("policy", "refused"), [("Always", False), ("Never", True), ("OnFailure", True)])
def test_an_ended_container_stays_ended_unless_it_restarts(policy: str, refused: bool) -> None:
    old = pod(restartPolicy=policy)
    new = copied(old)
    old["status"] = {"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 0}}}]}
    new["status"] = {"containerStatuses": [{"name": "c", "state": {"running": {}}}]}
    causes = validate_pod_status_update(new, old)
    wanted = ("status.containerStatuses[0].state", "Forbidden: may not be transitioned to non-terminated state")
    assert [(c.field, c.message) for c in causes] == ([wanted] if refused else [])


def test_ephemeral_containers_are_only_added() -> None:
    old = pod(ephemeralContainers=[{"name": "a", "image": "i"}])
    more = changed(old, lambda spec: spec["ephemeralContainers"].append({"name": "b", "image": "i"}))
    more["spec"]["nodeName"] = "elsewhere"
    prepare_ephemeral_update(more, old)
    assert "nodeName" not in more["spec"]
    assert validate_ephemeral_update(more, old) == []
    fewer = changed(old, lambda spec: spec.pop("ephemeralContainers"))
    assert [cause.field for cause in validate_ephemeral_update(fewer, old)] == ["spec.ephemeralContainers"]


def test_resize_takes_resources_only() -> None:
    old = pod(containers=[{"name": "c", "image": "i:1", "resources": {"requests": {"cpu": "1"}}}])
    more = {"requests": {"cpu": "2"}}
    new = changed(old, lambda spec: spec["containers"][0].update(image="other", resources=more))
    prepare_resize_update(new, old)
    assert new["spec"]["containers"] == [{"name": "c", "image": "i:1", "resources": more}]
    assert validate_resize_update(new, old) == []


def test_resize_keeps_the_class_of_service_and_other_resources() -> None:
    old = pod(containers=[{"name": "c", "image": "i:1", "resources": {"requests": {"cpu": "1"}}}])
    none = changed(old, lambda spec: spec["containers"][0].update(resources={})) | {"status": {"qosClass": "Burstable"}}
    assert [(cause.field, cause.message) for cause in validate_resize_update(none, old)] == [
        ("spec", 'Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing'),
        ("spec.containers[0].resources.requests", "Forbidden: resource requests cannot be removed"),
    ]
    disk = changed(
        old, lambda spec: spec["containers"][0]["resources"]["requests"].update({"ephemeral-storage": "1Gi"})
    )
    assert [(cause.field, cause.message) for cause in validate_resize_update(disk, old)] == [
        ("spec", "Forbidden: only cpu and memory resources are mutable")
    ]


def test_resize_moves_no_containers() -> None:
    containers = [{"name": name, "image": "i:1", "resources": {"requests": {"cpu": "1"}}} for name in ("a", "b")]
    old = pod(containers=containers)
    turned = changed(old, lambda spec: spec["containers"].reverse())
    prepare_resize_update(turned, old)
    message = "Forbidden: containers may not be renamed or reordered on resize"
    assert [(cause.field, cause.message) for cause in validate_resize_update(turned, old)] == [
        ("spec.containers[0].name", message),
        ("spec.containers[1].name", message),
    ]
    fewer = changed(old, lambda spec: spec["containers"].pop())
    prepare_resize_update(fewer, old)
    assert [(cause.field, cause.message) for cause in validate_resize_update(fewer, old)] == [
        ("spec.containers", "Forbidden: containers may not be added or removed on resize")
    ]


def test_a_difference_names_each_changed_field() -> None:
    assert (
        difference({"a": [1, {"b": 2}], "c": 3}, {"a": [1, {"b": 4}], "d": 5})
        == "- a[1].b: 2\n+ a[1].b: 4\n- c: 3\n+ d: 5"
    )
