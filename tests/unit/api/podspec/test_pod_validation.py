"""What upstream refuses in a pod, and how it says so: each case is a change to a good pod and the first cause it gives."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kubern.api.podspec.create import prepare_pod
from kubern.api.podspec.defaults import default_pod
from kubern.api.podspec.validation import validate_pod_spec, validate_pod_template
from kubern.base.json import Obj

C = "spec.containers[0]"
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
HTTP = {"httpGet": {"port": 80}}
VOLUMES = [{"name": "v", "emptyDir": {}}]


def problems(container: Obj | None = None, **spec: Any) -> list[tuple[str, str]]:
    pod: Obj = {"spec": {"containers": [{"name": "c", "image": "i", **(container or {})}], **spec}}
    default_pod(pod)
    return [(cause.field, cause.message) for cause in validate_pod_spec(pod["spec"], "spec")]


def test_a_good_pod_passes() -> None:
    container = {
        "ports": [{"containerPort": 80, "name": "http"}],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "envFrom": [{"configMapRef": {"name": "m"}, "prefix": "P_"}],
        "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "a/b"}],
        "resources": {"limits": {"cpu": "1", "example.com/gpu": "1"}, "requests": {"cpu": "1", "example.com/gpu": "1"}},
        "livenessProbe": {"exec": {"command": ["true"]}},
        "readinessProbe": HTTP,
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
        "securityContext": {"runAsUser": 0, "capabilities": {"add": ["NET_ADMIN"]}},
    }
    assert problems(
        container,
        volumes=VOLUMES,
        initContainers=[{"name": "side", "image": "i", "restartPolicy": "Always", "readinessProbe": HTTP}],
        tolerations=[{"operator": "Exists"}, {"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}],
        nodeSelector={"disk": "ssd"},
        topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    ) == []  # fmt: skip


CONTAINER_CASES: list[tuple[str, Obj, str, str]] = [
    ("no-name", {"name": ""}, f"{C}.name", "Required value"),
    ("bad-name", {"name": "A"}, f"{C}.name", f'Invalid value: "A": {LABEL}'),
    ("no-image", {"image": ""}, f"{C}.image", "Required value"),
    (
        "pull-policy", {"imagePullPolicy": "Maybe"}, f"{C}.imagePullPolicy",
        'Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"',
    ),
    ("port-0", {"ports": [{"containerPort": 0}]}, f"{C}.ports[0].containerPort", "Required value"),
    (
        "port-range", {"ports": [{"containerPort": 70000}]}, f"{C}.ports[0].containerPort",
        "Invalid value: 70000: must be between 1 and 65535, inclusive",
    ),
    (
        "protocol", {"ports": [{"containerPort": 1, "protocol": "ICMP"}]}, f"{C}.ports[0].protocol",
        'Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ),
    (
        "port-names", {"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]},
        f"{C}.ports[1].name", 'Duplicate value: "a"',
    ),
    (
        "host-ports", {"ports": [{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}]},
        f"{C}.ports[1].hostPort", 'Duplicate value: "TCP//9"',
    ),
    ("env-name", {"env": [{"value": "1"}]}, f"{C}.env[0].name", "Required value"),
    (
        "env-equals", {"env": [{"name": "a=b"}]}, f"{C}.env[0].name",
        'Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
    ),
    (
        "env-both", {"env": [{"name": "a", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        f"{C}.env[0].valueFrom", 'Invalid value: "": may not be specified when `value` is not empty',
    ),
    (
        "env-none", {"env": [{"name": "a", "valueFrom": {}}]}, f"{C}.env[0].valueFrom",
        'Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
    ),
    (
        "env-field", {"env": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "spec.nonsense"}}}]},
        f"{C}.env[0].valueFrom.fieldRef.fieldPath",
        'Invalid value: "spec.nonsense": error converting fieldPath: field label not supported: spec.nonsense',
    ),
    (
        "env-key", {"env": [{"name": "a", "valueFrom": {"configMapKeyRef": {"name": "m"}}}]},
        f"{C}.env[0].valueFrom.configMapKeyRef.key", "Required value",
    ),
    (
        "env-resource", {"env": [{"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.disk"}}}]},
        f"{C}.env[0].valueFrom.resourceFieldRef.resource",
        'Unsupported value: "limits.disk": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", '
        '"requests.cpu", "requests.ephemeral-storage", "requests.memory"',
    ),
    ("env-from", {"envFrom": [{}]}, f"{C}.envFrom", 'Invalid value: "": must specify one of: `configMapRef` or `secretRef`'),
    ("mount-unknown", {"volumeMounts": [{"name": "x", "mountPath": "/x"}]}, f"{C}.volumeMounts[0].name", 'Not found: "x"'),
    ("mount-path", {"volumeMounts": [{"name": "v"}]}, f"{C}.volumeMounts[0].mountPath", "Required value"),
    (
        "mount-twice", {"volumeMounts": [{"name": "v", "mountPath": "/x"}, {"name": "v", "mountPath": "/x"}]},
        f"{C}.volumeMounts[1].mountPath", 'Invalid value: "/x": must be unique',
    ),
    (
        "sub-path", {"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "../up"}]},
        f"{C}.volumeMounts.subPath", 'Invalid value: "../up": must not contain \'..\'',
    ),
    (
        "request-over-limit", {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}, f"{C}.resources.requests",
        'Invalid value: "2": must be less than or equal to cpu limit of 1',
    ),
    (
        "negative", {"resources": {"limits": {"cpu": "-1"}}}, f"{C}.resources.limits[cpu]",
        'Invalid value: "-1": must be greater than or equal to 0',
    ),
    (
        "resource-name", {"resources": {"limits": {"disk": "1"}}}, f"{C}.resources.limits[disk]",
        'Invalid value: "disk": must be a standard resource type or fully qualified',
    ),
    (
        "extended-limit", {"resources": {"requests": {"example.com/gpu": "1"}}}, f"{C}.resources.limits",
        "Required value: Limit must be set for non overcommitable resources",
    ),
    ("no-handler", {"livenessProbe": {"periodSeconds": 1}}, f"{C}.livenessProbe", "Required value: must specify a handler type"),
    (
        "two-handlers", {"livenessProbe": {**HTTP, "tcpSocket": {"port": 1}}}, f"{C}.livenessProbe.tcpSocket",
        "Forbidden: may not specify more than 1 handler type",
    ),
    (
        "liveness-threshold", {"livenessProbe": {**HTTP, "successThreshold": 2}}, f"{C}.livenessProbe.successThreshold",
        "Invalid value: 2: must be 1",
    ),
    (
        "readiness-grace", {"readinessProbe": {**HTTP, "terminationGracePeriodSeconds": 5}},
        f"{C}.readinessProbe.terminationGracePeriodSeconds",
        "Invalid value: 5: must not be set for readinessProbes",
    ),
    (
        "sleep", {"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}, f"{C}.lifecycle.preStop.sleep",
        "Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)",
    ),
    (
        "user", {"securityContext": {"runAsUser": -1}}, f"{C}.securityContext.runAsUser",
        "Invalid value: -1: must be between 0 and 2147483647, inclusive",
    ),
    (
        "escalation", {"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}}, f"{C}.securityContext",
        'Invalid value: {"allowPrivilegeEscalation":false,"privileged":true}: '
        "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
    ),
    (
        "seccomp", {"securityContext": {"seccompProfile": {"type": "Localhost"}}},
        f"{C}.securityContext.seccompProfile.localhostProfile",
        "Required value: must be set when seccomp type is Localhost",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field", "message"), [c[1:] for c in CONTAINER_CASES], ids=[c[0] for c in CONTAINER_CASES]
)
def test_a_container_is_refused(change: Obj, field: str, message: str) -> None:
    assert problems(change, volumes=VOLUMES)[:1] == [(field, message)]


SPEC_CASES: list[tuple[str, Obj, str, str]] = [
    ("no-containers", {"containers": []}, "spec.containers", "Required value"),
    (
        "same-names", {"containers": [{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]}, "spec.containers[1].name",
        'Duplicate value: "c"',
    ),
    ("init-name", {"initContainers": [{"name": "c", "image": "i"}]}, "spec.initContainers[0].name", 'Duplicate value: "c"'),
    (
        "init-probe", {"initContainers": [{"name": "x", "image": "i", "readinessProbe": HTTP}]},
        "spec.initContainers[0].readinessProbe",
        "Forbidden: may not be set for init containers without restartPolicy=Always",
    ),
    (
        "restart", {"restartPolicy": "Sometimes"}, "spec.restartPolicy",
        'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ),
    (
        "dns", {"dnsPolicy": "Other"}, "spec.dnsPolicy",
        'Unsupported value: "Other": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
    ),
    ("dns-none", {"dnsPolicy": "None"}, "spec.dnsConfig", "Required value: must provide `dnsConfig` when `dnsPolicy` is None"),
    (
        "deadline", {"activeDeadlineSeconds": 0}, "spec.activeDeadlineSeconds",
        "Invalid value: 0: must be between 1 and 2147483647, inclusive",
    ),
    ("hostname", {"hostname": "A"}, "spec.hostname", f'Invalid value: "A": {LABEL}'),
    (
        "toleration-key", {"tolerations": [{"operator": "Equal"}]}, "spec.tolerations[0].operator",
        'Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ),
    (
        "toleration-seconds", {"tolerations": [{"key": "a", "tolerationSeconds": 1, "effect": "NoSchedule"}]},
        "spec.tolerations[0].effect",
        'Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
    ),
    (
        "toleration-effect", {"tolerations": [{"key": "a", "operator": "Exists", "effect": "Never"}]},
        "spec.tolerations[0].effect",
        'Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ),
    (
        "no-terms", {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}},
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
        "Required value: must have at least one node selector term",
    ),
    (
        "topology-key", {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}},
        "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey",
        "Required value: can not be empty",
    ),
    (
        "skew", {"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]},
        "spec.topologySpreadConstraints[0].maxSkew", "Invalid value: 0: must be greater than zero",
    ),
    (
        "host-pid", {"hostPID": True, "shareProcessNamespace": True}, "spec.securityContext.shareProcessNamespace",
        "Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled",
    ),
    ("gates", {"schedulingGates": [{"name": "a"}, {"name": "a"}]}, "spec.schedulingGates[1]", 'Duplicate value: "a"'),
    ("volume-name", {"volumes": [{"emptyDir": {}}]}, "spec.volumes[0].name", "Required value"),
    ("volume-names", {"volumes": [{"name": "a"}, {"name": "a"}]}, "spec.volumes[1].name", 'Duplicate value: "a"'),
    (
        "volume-two", {"volumes": [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]}, "spec.volumes[0].hostPath",
        "Forbidden: may not specify more than 1 volume type",
    ),
    (
        "claim", {"volumes": [{"name": "a", "persistentVolumeClaim": {}}]},
        "spec.volumes[0].persistentVolumeClaim.claimName", "Required value",
    ),
    (
        "mode", {"volumes": [{"name": "a", "configMap": {"name": "m", "defaultMode": 512}}]},
        "spec.volumes[0].configMap.defaultMode",
        "Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
    ),
    (
        "token", {"volumes": [{"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 60}}]}}]},
        "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds",
        "Invalid value: 60: may not specify a duration less than 10 minutes",
    ),
    (
        "alias", {"hostAliases": [{"ip": "nowhere"}]}, "spec.hostAliases[0].ip",
        'Invalid value: "nowhere": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field", "message"), [c[1:] for c in SPEC_CASES], ids=[c[0] for c in SPEC_CASES])
def test_a_pod_is_refused(change: Obj, field: str, message: str) -> None:
    assert problems(**change)[:1] == [(field, message)]


def test_a_templates_paths_start_at_the_template() -> None:
    template: Obj = {"metadata": {"labels": {"a": "b c"}}, "spec": {"containers": []}}
    fields = [cause.field for cause in validate_pod_template(template, "spec.template")]
    assert fields[0] == "spec.template.labels"
    assert "spec.template.spec.containers" in fields


SPREAD = {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}


@pytest.mark.parametrize(
    ("selector", "fields"),
    [
        pytest.param({"matchLabels": {"tier": "web"}}, [], id="extends-the-selector"),
        pytest.param({"matchLabels": {"app": "x"}}, ["matchLabelKeys[0]"], id="repeats-the-selector"),
        pytest.param(None, ["matchLabelKeys"], id="without-a-selector"),
    ],
)
def test_label_keys_of_a_new_pod_extend_the_selector_of_a_spread(selector: Any, fields: list[str]) -> None:
    constraint = SPREAD | {"matchLabelKeys": ["app"]} | ({"labelSelector": selector} if selector else {})
    spec = {"containers": [{"name": "c", "image": "i"}], "topologySpreadConstraints": [constraint]}
    pod = {"metadata": {"name": "p", "labels": {"app": "x"}}, "spec": orjson.loads(orjson.dumps(spec))}
    default_pod(pod)
    prepare_pod(pod)
    found = [cause.field for cause in validate_pod_spec(pod["spec"], "spec")]
    assert found == [f"spec.topologySpreadConstraints[0].{name}" for name in fields]
