"""The smaller resources of the core group: defaults, refusals in upstream's words, and what may change."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from kubern.api.resource import Resource
from kubern.api.resources import core as core_group
from kubern.base.errors import BadRequest
from kubern.base.json import Obj
from kubern.base.scan import scan

CORE = {resource.plural: resource for resource in scan(core_group, "RESOURCE", Resource)}


def made(plural: str, obj: Obj) -> Obj:
    """Return an object as it is created: defaulted, prepared, defaulted."""
    copy: Obj = orjson.loads(orjson.dumps({"metadata": {"name": "x", "namespace": "default"}, **obj}))
    resource = CORE[plural]
    resource.default(copy)
    resource.prepare_create(copy)
    resource.default(copy)
    return copy


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
VOLUME = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


@pytest.mark.parametrize(
    ("plural", "given", "part", "stored"),
    [
        ("secrets", {"stringData": {"a": "b"}, "data": {"c": "ZA=="}}, "data", {"a": "Yg==", "c": "ZA=="}),
        ("secrets", {}, "type", "Opaque"),
        ("namespaces", {}, "spec", {"finalizers": ["kubernetes"]}),
        ("namespaces", {}, "status", {"phase": "Active"}),
        ("endpoints", {"subsets": [{"ports": [{"port": 1}]}]}, "subsets", [{"ports": [{"port": 1, "protocol": "TCP"}]}]),
        ("nodes", {"status": {"capacity": {"cpu": "2000m"}}}, "status", {"capacity": {"cpu": "2"}, "allocatable": {"cpu": "2"}}),
        ("persistentvolumes", {"spec": VOLUME}, "status", {"phase": "Pending"}),
        ("persistentvolumeclaims", {"spec": CLAIM}, "spec", {**CLAIM, "volumeMode": "Filesystem"}),
        ("replicationcontrollers", {"spec": {"template": TEMPLATE}}, "status", {"replicas": 0}),
        ("resourcequotas", {"spec": {"hard": {"cpu": "1000m"}}}, "spec", {"hard": {"cpu": "1"}}),
        (
            "limitranges", {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}}]}}, "spec",
            {"limits": [{"type": "Container", "max": {"cpu": "2"}, "default": {"cpu": "2"}, "defaultRequest": {"cpu": "2"}}]},
        ),
    ],
)  # fmt: skip
def test_stored_form(plural: str, given: Obj, part: str, stored: Any) -> None:
    assert made(plural, given)[part] == stored


def test_a_namespace_carries_its_name_as_a_label() -> None:
    assert made("namespaces", {})["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}


def test_a_replication_controller_selects_its_templates_labels() -> None:
    controller = made("replicationcontrollers", {"spec": {"template": TEMPLATE}})
    assert (controller["spec"]["selector"], controller["spec"]["replicas"]) == ({"a": "b"}, 1)
    assert controller["metadata"]["labels"] == {"a": "b"}
    assert CORE["replicationcontrollers"].validate(controller) == []


def test_a_volume_keeps_its_claim_policy_default() -> None:
    spec = made("persistentvolumes", {"spec": VOLUME})["spec"]
    assert (spec["persistentVolumeReclaimPolicy"], spec["volumeMode"], spec["hostPath"]["type"]) == (
        "Retain",
        "Filesystem",
        "",
    )


CASES: list[tuple[str, Obj, str, str]] = [
    (
        "configmaps", {"data": {"a b": "1"}}, "data[a b]",
        'Invalid value: "a b": a valid config key must consist of alphanumeric characters, \'-\', \'_\' or \'.\' (e.g. \'key.name\','
        "  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ),
    ("configmaps", {"data": {"a": ""}, "binaryData": {"a": ""}}, "data[a]", 'Invalid value: "a": duplicate of key present in binaryData'),
    ("configmaps", {"data": {"a": "x" * 1048577}}, "[]", "Too long: may not be more than 1048576 bytes"),
    ("secrets", {"type": "kubernetes.io/tls", "data": {"tls.crt": ""}}, "data[tls.key]", "Required value"),
    ("secrets", {"type": "kubernetes.io/basic-auth"}, "data[username]", "Required value"),
    (
        "secrets", {"type": "kubernetes.io/service-account-token"}, "metadata.annotations[kubernetes.io/service-account.name]",
        "Required value",
    ),
    (
        "secrets", {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{"}},
        "data[.dockerconfigjson]", 'Invalid value: "<secret contents redacted>": unexpected end of JSON input',
    ),
    ("endpoints", {"subsets": [{}]}, "subsets[0]", "Required value: must specify `addresses` or `notReadyAddresses`"),
    (
        "endpoints", {"subsets": [{"addresses": [{"ip": "127.0.0.1"}]}]}, "subsets[0].addresses[0].ip",
        'Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ),
    (
        "events", {"involvedObject": {"namespace": "other"}}, "involvedObject.namespace",
        'Invalid value: "other": does not match event.namespace',
    ),
    (
        "nodes", {"spec": {"taints": [{"key": "a", "effect": "Go"}]}}, "metadata.taints[0].effect",
        'Unsupported value: "Go": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ),
    (
        "namespaces", {"spec": {"finalizers": ["mine"]}}, "spec.finalizers[0]",
        'Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ),
    (
        "replicationcontrollers", {"spec": {"selector": {"x": "y"}, "template": TEMPLATE}}, "spec.template.metadata.labels",
        'Invalid value: {"a":"b"}: `selector` does not match template `labels`',
    ),
    (
        "resourcequotas", {"spec": {"hard": {"disks": "1"}}}, "spec.hard[disks]",
        'Invalid value: "disks": must be a standard resource type or fully qualified',
    ),
    ("resourcequotas", {"spec": {"hard": {"pods": "500m"}}}, "spec.hard[pods]", 'Invalid value: "500m": must be an integer'),
    (
        "limitranges", {"spec": {"limits": [{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}},
        "spec.limits[0].min[cpu]", 'Invalid value: "2": min value 2 is greater than max value 1',
    ),
    ("persistentvolumes", {"spec": {**VOLUME, "hostPath": None}}, "spec", "Required value: must specify a volume type"),
    ("persistentvolumes", {"spec": {**VOLUME, "capacity": {}}}, "spec.capacity", "Required value"),
    (
        "persistentvolumeclaims", {"spec": {**CLAIM, "accessModes": []}}, "spec.accessModes",
        "Required value: at least 1 access mode is required",
    ),
    ("persistentvolumeclaims", {"spec": {**CLAIM, "resources": {}}}, "spec.resources[storage]", "Required value"),
    ("podtemplates", {"template": {"spec": {}}}, "template.spec.containers", "Required value"),
    ("bindings", {"target": {"kind": "Node"}}, "target.name", "Required value"),
]  # fmt: skip


@pytest.mark.parametrize(("plural", "given", "field", "message"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_refused(plural: str, given: Obj, field: str, message: str) -> None:
    causes = CORE[plural].validate(made(plural, given))
    assert [(cause.field, cause.message) for cause in causes][:1] == [(field, message)]


@pytest.mark.parametrize(
    ("plural", "given"),
    [
        ("configmaps", {"data": {"a": "1"}, "binaryData": {"b": "AA=="}}),
        ("secrets", {"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}),
        ("endpoints", {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]}),
        ("events", {"involvedObject": {"namespace": "default", "kind": "Pod"}}),
        ("namespaces", {}),
        ("nodes", {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}),
        ("resourcequotas", {"spec": {"hard": {"pods": "5", "requests.cpu": "1", "count/jobs.batch": "3"}}}),
        ("persistentvolumes", {"spec": VOLUME}),
        ("persistentvolumeclaims", {"spec": CLAIM}),
        ("podtemplates", {"template": TEMPLATE}),
        ("serviceaccounts", {}),
    ],
)
def test_accepted(plural: str, given: Obj) -> None:
    assert CORE[plural].validate(made(plural, given)) == []


def test_secret_data_that_is_not_base64_is_a_bad_request() -> None:
    with pytest.raises(BadRequest):
        CORE["secrets"].validate(made("secrets", {"data": {"a": "***"}}))


FROZEN = "Forbidden: field is immutable when `immutable` is set"


@pytest.mark.parametrize(
    ("plural", "old", "new", "expected"),
    [
        ("configmaps", {"immutable": True, "data": {"a": "1"}}, {"immutable": True, "data": {"a": "2"}}, [("data", FROZEN)]),
        ("configmaps", {"immutable": True}, {}, [("immutable", FROZEN)]),
        ("configmaps", {"data": {"a": "1"}}, {"immutable": True, "data": {}}, []),
        ("secrets", {}, {"type": "other"}, [("type", 'Invalid value: "other": field is immutable')]),
        (
            "nodes", {"spec": {"podCIDRs": ["10.0.0.0/24"]}}, {"spec": {"podCIDRs": ["10.0.1.0/24"]}},
            [("spec.podCIDRs", 'Forbidden: node updates may not change podCIDR except from "" to valid')],
        ),
        (
            "persistentvolumes", {"spec": VOLUME}, {"spec": {**VOLUME, "hostPath": {"path": "/y"}}},
            [(
                "spec.persistentvolumesource",
                "Forbidden: spec.persistentvolumesource is immutable after creation\n"
                '- hostPath.path: "/x"\n+ hostPath.path: "/y"',
            )],
        ),
        ("persistentvolumeclaims", {"spec": CLAIM}, {"spec": {**CLAIM, "volumeName": "v"}}, []),
        ("resourcequotas", {"spec": {"scopes": ["BestEffort"]}}, {}, [("spec.scopes", "Invalid value: []: field is immutable")]),
    ],
)  # fmt: skip
def test_updates(plural: str, old: Obj, new: Obj, expected: list[tuple[str, str]]) -> None:
    causes = CORE[plural].validate_update(made(plural, new), made(plural, old))
    assert [(cause.field, cause.message) for cause in causes] == expected


def bound(size: str, capacity: str) -> Obj:
    claim = made(
        "persistentvolumeclaims", {"spec": {**CLAIM, "resources": {"requests": {"storage": size}}, "volumeName": "v"}}
    )
    claim["status"] = {"phase": "Bound", "capacity": {"storage": capacity}}
    return claim


def test_a_bound_claim_may_grow_and_not_shrink() -> None:
    claims = CORE["persistentvolumeclaims"]
    assert claims.validate_update(bound("2Gi", "1Gi"), bound("1Gi", "1Gi")) == []
    causes = claims.validate_update(bound("1Gi", "2Gi"), bound("2Gi", "2Gi"))
    assert [(cause.field, cause.message) for cause in causes] == [
        ("spec.resources.requests.storage", "Forbidden: field can not be less than status.capacity")
    ]


def test_a_namespaces_phase_follows_its_deletion() -> None:
    namespaces = CORE["namespaces"]
    dying = made("namespaces", {})
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert [cause.field for cause in namespaces.validate_status_update(dying, dying)] == ["status.Phase"]
    dying["status"]["phase"] = "Terminating"
    assert namespaces.validate_status_update(dying, dying) == []


@pytest.mark.parametrize(
    ("node", "phase", "asked", "expected"),
    [
        ("n", "Running", None, 30),
        ("n", "Running", 5, 5),
        ("n", "Running", 0, 0),
        ("n", "Running", -1, 1),
        ("", "Pending", None, 0),
        ("n", "Succeeded", 60, 0),
        ("n", "Failed", None, 0),
    ],
)
def test_a_pods_grace_period(node: str, phase: str, asked: int | None, expected: int) -> None:
    graceful = CORE["pods"].graceful
    assert graceful is not None
    pod = {"spec": {"nodeName": node, "terminationGracePeriodSeconds": 30}, "status": {"phase": phase}}
    assert graceful(pod, asked) == expected


def test_only_pods_are_deleted_gracefully() -> None:
    assert [plural for plural, resource in CORE.items() if resource.graceful] == ["pods"]
