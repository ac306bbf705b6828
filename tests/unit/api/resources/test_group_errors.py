"""What the named groups refuse, with upstream's field paths and wording."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from kubern.api.resource import Resource
from kubern.api.resources import load
from kubern.api.resources.events.events import RESOURCE as NEW_EVENTS

RESOURCES = {r.plural: r for r in load() if r.group and r.storage_version}
LABELS = {"a": "b"}
POD = {"containers": [{"name": "c", "image": "i:1"}]}
WORKLOAD = {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": POD}}
JOB = {"template": {"spec": POD | {"restartPolicy": "Never"}}}
CRON = {"schedule": "0 * * * *", "jobTemplate": {"spec": JOB}}
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}
IMMUTABLE = "field is immutable"


def _made(plural: str, obj: dict[str, Any]) -> tuple[Resource, dict[str, Any]]:
    resource = RESOURCES[plural]
    obj = {"metadata": {"name": "x", "uid": "u1"}} | deepcopy(obj)
    resource.default(obj)
    resource.prepare_create(obj)
    return resource, obj


def _ingress(**path: Any) -> dict[str, Any]:
    return {"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND} | path]}}]}


SPECS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "deployments",
        WORKLOAD | {"replicas": -1},
        "spec.replicas",
        "Invalid value: -1: must be greater than or equal to 0",
    ),
    ("deployments", {"template": WORKLOAD["template"]}, "spec.selector", "Required value"),
    (
        "deployments",
        WORKLOAD | {"selector": {}},
        "spec.selector",
        "Invalid value: {}: empty selector is invalid for deployment",
    ),
    (
        "deployments",
        WORKLOAD | {"selector": {"matchLabels": {"a": "c"}}},
        "spec.template.metadata.labels",
        'Invalid value: {"a":"b"}: `selector` does not match template `labels`',
    ),
    (
        "deployments",
        WORKLOAD | {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
        "spec.strategy.rollingUpdate",
        "Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ),
    (
        "deployments",
        WORKLOAD | {"strategy": {"type": "Sudden"}},
        "spec.strategy.type",
        'Unsupported value: "Sudden": supported values: "Recreate", "RollingUpdate"',
    ),
    (
        "deployments",
        WORKLOAD | {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
        "spec.strategy.rollingUpdate.maxUnavailable",
        "Invalid value: 0: may not be 0 when `maxSurge` is 0",
    ),
    (
        "deployments",
        WORKLOAD | {"strategy": {"rollingUpdate": {"maxUnavailable": "110%"}}},
        "spec.strategy.rollingUpdate.maxUnavailable",
        'Invalid value: "110%": must not be greater than 100%',
    ),
    (
        "deployments",
        WORKLOAD | {"minReadySeconds": 600},
        "spec.progressDeadlineSeconds",
        "Invalid value: 600: must be greater than minReadySeconds",
    ),
    (
        "deployments",
        WORKLOAD | {"template": {"metadata": {"labels": LABELS}, "spec": POD | {"restartPolicy": "Never"}}},
        "spec.template.spec.restartPolicy",
        'Unsupported value: "Never": supported values: "Always"',
    ),
    (
        "deployments",
        WORKLOAD | {"template": {"metadata": {"labels": LABELS}, "spec": {"containers": [{"image": "i"}]}}},
        "spec.template.spec.containers[0].name",
        "Required value",
    ),
    (
        "daemonsets",
        WORKLOAD | {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}},
        "spec.updateStrategy.rollingUpdate.maxSurge",
        "Invalid value: 1: may not be set when maxUnavailable is non-zero",
    ),
    (
        "daemonsets",
        WORKLOAD | {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}},
        "spec.updateStrategy.rollingUpdate.maxUnavailable",
        "Required value: cannot be 0 when maxSurge is 0",
    ),
    (
        "statefulsets",
        WORKLOAD | {"podManagementPolicy": "Wild"},
        "spec.podManagementPolicy",
        "Invalid value: \"Wild\": must be 'OrderedReady' or 'Parallel'",
    ),
    (
        "statefulsets",
        WORKLOAD | {"template": {"metadata": {"labels": LABELS}, "spec": POD | {"activeDeadlineSeconds": 5}}},
        "spec.template.spec.activeDeadlineSeconds",
        "Forbidden: activeDeadlineSeconds in StatefulSet is not Supported",
    ),
    (
        "jobs",
        {"template": {"spec": POD}},
        "spec.template.spec.restartPolicy",
        'Required value: valid values: "OnFailure", "Never"',
    ),
    ("jobs", JOB | {"backoffLimit": -1}, "spec.backoffLimit", "Invalid value: -1: must be greater than or equal to 0"),
    (
        "jobs",
        JOB | {"completionMode": "Indexed", "parallelism": 2},
        "spec.completions",
        "Required value: when completion mode is Indexed",
    ),
    (
        "jobs",
        {"template": {"metadata": {"labels": {"job-name": "other"}}, "spec": JOB["template"]["spec"]}},
        "spec.template.metadata.labels[job-name]",
        'Invalid value: {"batch.kubernetes.io/controller-uid":"u1","batch.kubernetes.io/job-name":"x","controller-uid":"u1",'
        '"job-name":"other"}: must be \'x\'',
    ),
    ("cronjobs", CRON | {"schedule": ""}, "spec.schedule", "Required value"),
    (
        "cronjobs",
        CRON | {"schedule": "* * *"},
        "spec.schedule",
        'Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
    ),
    (
        "cronjobs",
        CRON | {"schedule": "TZ=UTC 0 * * * *"},
        "spec.schedule",
        'Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ),
    (
        "cronjobs",
        CRON | {"timeZone": "Moon/Base"},
        "spec.timeZone",
        'Invalid value: "Moon/Base": unknown time zone Moon/Base',
    ),
    (
        "cronjobs",
        CRON | {"concurrencyPolicy": "Maybe"},
        "spec.concurrencyPolicy",
        'Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
    ),
    (
        "poddisruptionbudgets",
        {"minAvailable": 1, "maxUnavailable": 1},
        "spec",
        'Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: '
        "minAvailable and maxUnavailable cannot be both set",
    ),
    (
        "ingresses",
        _ingress(pathType=None),
        "spec.rules[0].http.paths[0].pathType",
        "Required value: pathType must be specified",
    ),
    (
        "ingresses",
        _ingress(path="a"),
        "spec.rules[0].http.paths[0].path",
        'Invalid value: "a": must be an absolute path',
    ),
    (
        "ingresses",
        _ingress(backend={"service": {"name": "s"}}),
        "spec.rules[0].http.paths[0].backend",
        "Required value: port name or number is required",
    ),
    (
        "ingresses",
        {},
        "spec",
        "Invalid value: null: either `defaultBackend` or `rules` must be specified",
    ),
    (
        "networkpolicies",
        {"ingress": [{"from": [{}]}]},
        "spec.ingress[0].from[0]",
        "Required value: must specify a peer",
    ),
    (
        "networkpolicies",
        {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]}]},
        "spec.ingress[0].from[0].ipBlock.except[0]",
        'Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
    ),
    (
        "horizontalpodautoscalers",
        {"minReplicas": 3, "maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "d"}},
        "spec.maxReplicas",
        "Invalid value: 2: must be greater than or equal to `minReplicas`",
    ),
    (
        "leases",
        {"holderIdentity": "a", "leaseDurationSeconds": 0},
        "spec.leaseDurationSeconds",
        "Invalid value: 0: must be greater than 0",
    ),
]


@pytest.mark.parametrize(("plural", "spec", "path", "message"), SPECS, ids=[f"{s[0]}-{s[2]}" for s in SPECS])
def test_a_bad_specification_is_refused_once(plural: str, spec: dict[str, Any], path: str, message: str) -> None:
    resource, obj = _made(plural, {"spec": spec})
    found = [cause.message for cause in resource.validate(obj) if cause.field == path]
    assert message in found
    assert len(set(found)) == len(found)


ROLE = {"kind": "ClusterRole", "name": "r"}
OBJECTS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "roles",
        {"rules": [{"apiGroups": [""], "resources": ["pods"]}]},
        "rules[0].verbs",
        "Required value: verbs must contain at least one value",
    ),
    (
        "roles",
        {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]},
        "rules[0].nonResourceURLs",
        'Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    ),
    (
        "clusterrolebindings",
        {"roleRef": {"kind": "Role", "name": "r"}},
        "roleRef.kind",
        'Unsupported value: "Role": supported values: "ClusterRole"',
    ),
    (
        "clusterrolebindings",
        {"roleRef": ROLE, "subjects": [{"kind": "ServiceAccount", "name": "a"}]},
        "subjects[0].namespace",
        "Required value",
    ),
    ("storageclasses", {}, "provisioner", "Required value"),
    (
        "priorityclasses",
        {"value": 1000000001},
        "value",
        "Forbidden: maximum allowed value of a user defined priority is 1000000000",
    ),
    ("controllerrevisions", {"revision": 1}, "data", "Required value: data is mandatory"),
    (
        "endpointslices",
        {"addressType": "IPv6", "endpoints": [{"addresses": ["10.0.0.1"]}]},
        "endpoints[0].addresses[0]",
        'Invalid value: "10.0.0.1": must be an IPv6 address',
    ),
    ("endpointslices", {}, "addressType", "Required value"),
    ("volumeattributesclasses", {"parameters": {"a": "b"}}, "driverName", "Required value"),
    (
        "validatingwebhookconfigurations",
        {"webhooks": [{"name": "a.b"}]},
        "webhooks[0].name",
        'Invalid value: "a.b": should be a domain with at least three segments separated by dots',
    ),
    ("validatingwebhookconfigurations", {"webhooks": [{"name": "a.b.c"}]}, "webhooks[0].sideEffects", "Required value"),
    (
        "customresourcedefinitions",
        {"spec": {"group": "example.com", "names": {"plural": "widgets", "kind": "Widget"}}},
        "metadata.name",
        'Invalid value: "x": must be spec.names.plural+"."+spec.group',
    ),
]


@pytest.mark.parametrize(("plural", "obj", "path", "message"), OBJECTS, ids=[f"{o[0]}-{o[2]}" for o in OBJECTS])
def test_a_bad_object_is_refused(plural: str, obj: dict[str, Any], path: str, message: str) -> None:
    resource, made = _made(plural, obj)
    assert (path, message) in [(cause.field, cause.message) for cause in resource.validate(made)]


UPDATES: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    (
        "deployments",
        {"spec": WORKLOAD},
        {"spec": WORKLOAD | {"selector": {"matchLabels": {"a": "c"}}}},
        "spec.selector",
        f'Invalid value: {{"matchLabels":{{"a":"c"}}}}: {IMMUTABLE}',
    ),
    (
        "statefulsets",
        {"spec": WORKLOAD | {"serviceName": "a"}},
        {"spec": WORKLOAD | {"serviceName": "b"}},
        "spec",
        "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
        "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ),
    (
        "jobs",
        {"spec": JOB | {"completions": 1}},
        {"spec": JOB | {"completions": 2}},
        "spec.completions",
        f"Invalid value: 2: {IMMUTABLE}",
    ),
    (
        "jobs",
        {"spec": JOB | {"completionMode": "Indexed", "completions": 1, "parallelism": 1}},
        {"spec": JOB | {"completionMode": "Indexed", "completions": 2, "parallelism": 1}},
        "spec.completions",
        "Invalid value: 2: can only be modified in tandem with spec.parallelism",
    ),
    (
        "rolebindings",
        {"roleRef": ROLE},
        {"roleRef": ROLE | {"name": "other"}},
        "roleRef",
        'Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"other"}: cannot change roleRef',
    ),
    (
        "storageclasses",
        {"provisioner": "a", "parameters": {"a": "b"}},
        {"provisioner": "a", "parameters": {}},
        "parameters",
        "Forbidden: updates to parameters are forbidden.",
    ),
    ("priorityclasses", {"value": 1}, {"value": 2}, "value", "Forbidden: may not be changed in an update."),
    ("runtimeclasses", {"handler": "a"}, {"handler": "b"}, "handler", f'Invalid value: "b": {IMMUTABLE}'),
    (
        "endpointslices",
        {"addressType": "IPv4"},
        {"addressType": "IPv6"},
        "addressType",
        f'Invalid value: "IPv6": {IMMUTABLE}',
    ),
    ("controllerrevisions", {"data": {}}, {"data": {"a": 1}}, "data", f'Invalid value: {{"a":1}}: {IMMUTABLE}'),
]


@pytest.mark.parametrize(("plural", "old", "new", "path", "message"), UPDATES, ids=[f"{u[0]}-{u[3]}" for u in UPDATES])
def test_what_may_not_change_is_refused(
    plural: str, old: dict[str, Any], new: dict[str, Any], path: str, message: str
) -> None:
    resource, before = _made(plural, old)
    _, after = _made(plural, new)
    assert [(cause.field, cause.message) for cause in resource.validate_update(after, before)] == [(path, message)]


@pytest.mark.parametrize(
    ("plural", "old", "new"),
    [
        ("deployments", WORKLOAD, {"replicas": 3}),
        ("statefulsets", WORKLOAD, {"replicas": 3, "minReadySeconds": 4, "template": WORKLOAD["template"]}),
        ("jobs", JOB | {"completions": 1}, {"parallelism": 3, "suspend": True, "backoffLimit": 1}),
        ("jobs", JOB | {"completionMode": "Indexed", "completions": 1}, {"completions": 2, "parallelism": 2}),
        (
            "jobs",
            JOB | {"suspend": True},
            {"template": {"spec": POD | {"restartPolicy": "Never", "nodeSelector": {"a": "b"}}}},
        ),
        ("servicecidrs", {"cidrs": ["10.0.0.0/8"]}, {"cidrs": ["10.0.0.0/8", "fd00::/108"]}),
    ],
    ids=[
        "replicas",
        "replicas-and-template",
        "job-limits",
        "indexed-in-tandem",
        "suspended-job-moves",
        "second-family",
    ],
)
def test_what_may_change_is_taken(plural: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    resource, before = _made(plural, {"spec": old})
    _, after = _made(plural, {"spec": old | new})
    assert resource.validate_update(after, before) == []


@pytest.mark.parametrize(
    ("status", "path", "message"),
    [
        ({"replicas": -1}, "status.replicas", "Invalid value: -1: must be greater than or equal to 0"),
        (
            {"replicas": 1, "updatedReplicas": 2},
            "status.updatedReplicas",
            "Invalid value: 2: cannot be greater than status.replicas",
        ),
        ({"collisionCount": 1}, "status.collisionCount", "Invalid value: 1: cannot be decremented"),
    ],
    ids=["negative", "more-than-all", "taken-back"],
)
def test_a_bad_status_is_refused(status: dict[str, Any], path: str, message: str) -> None:
    before = {"status": {"collisionCount": 2 if "collisionCount" in status else None}}
    causes = RESOURCES["deployments"].validate_status_update({"status": status}, before)
    assert (path, message) in [(cause.field, cause.message) for cause in causes]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}}, []),
        ({"reason": "Other", "message": "m"}, ["reason", "message"]),
        ({"reportingComponent": "a.b/c"}, ["reportingController"]),
        ({"eventTime": "2026-01-02T00:00:00.000000Z"}, ["eventTime"]),
    ],
)
def test_only_the_series_of_an_event_changes(change: dict[str, Any], fields: list[str]) -> None:
    old = {"metadata": {"name": "e"}, "reason": "Started", "eventTime": "2026-01-01T00:00:00.000000Z"}
    causes = NEW_EVENTS.validate_update(old | change, old)
    assert [cause.field for cause in causes] == fields
    assert all(cause.message.endswith("field is immutable") for cause in causes)
