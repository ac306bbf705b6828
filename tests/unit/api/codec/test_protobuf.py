"""The protobuf encoding: what kubectl really sends, what is refused, and that nothing is lost on the way there and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubern.api.codec import PROTOBUF, ProtobufError, decode, encode_watch_event, protobuf
from kubern.api.codec.protobuf_fields import GROUPS, Field, Fields
from kubern.api.codec.protobuf_wire import delimited, fields, read_varint, signed, tag, varint
from kubern.base.errors import BadRequest

TABLE = Fields()
ENVELOPE_END = b'\x1a\x00"\x00'
AUTOSCALER = (
    b"k8s\x00\n)\n\x0eautoscaling/v2\x12\x17HorizontalPodAutoscaler\x12d\n\x16\n\x03web\x12\x00\x1a\x03n36\"\x00*\x002\x008\x00B\x00"
    b'\x12D\n\x1a\n\nDeployment\x12\x03web\x1a\x07apps/v1\x10\x01\x18\x03""\n\x08Resource"\x16\n\x03cpu\x12\x0f\n\x0bUtilization 2'
    + b"\x1a\x04\x18\x00 \x00"
    + ENVELOPE_END
)  # fmt: skip
"""What kubectl 1.36 posts for `kubectl autoscale deployment web --min=1 --max=3 --cpu-percent=50`."""
WATCH_ERROR = (
    b"\x00\x00\x00q\n\x05ERROR\x12h\nfk8s\x00\n\x0c\n\x02v1\x12\x06Status\x12N\n\x06\n\x00\x12\x00\x1a\x00\x12\x07Failure\x1a"
    b'/too old resource version: 181537752 (181538558)"\x07Expired0\x9a\x03' + ENVELOPE_END
)
"""A frame that an apiserver of upstream's sent."""


def enveloped(api_version: str, kind: str, message: bytes) -> bytes:
    return protobuf().envelope(api_version, kind, message)


def message_of(body: bytes) -> bytes:
    return next(value for number, value in fields(body[4:]) if number == 2 and isinstance(value, bytes))


META = b'\x12\x00\x1a\x03n36"\x00*\x002\x008\x00B\x00'
"""How Go goes on in an object's metadata after a name: everything else but the namespace is empty."""
SENT = {
    "autoscale deployment web --min=1 --max=3 --cpu-percent=50": (
        AUTOSCALER,
        {
            "kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2", "metadata": {"name": "web", "namespace": "n36"},
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}, "minReplicas": 1, "maxReplicas": 3,
                "metrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
                ],
            },
            "status": {"desiredReplicas": 0},  # Go leaves the other zero out
        },
    ),
    "create secret generic s --from-literal=p=hunter2": (
        b"k8s\x00\n\x0c\n\x02v1\x12\x06Secret\x12&\n\x14\n\x01s" + META + b"\x12\x0c\n\x01p\x12\x07hunter2\x1a\x00" + ENVELOPE_END,
        {
            "kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s", "namespace": "n36"}, "data": {"p": "aHVudGVyMg=="},
        },
    ),
    "create deployment web --image=nginx --replicas=2 --port=80": (
        b'k8s\x00\n\x15\n\x07apps/v1\x12\nDeployment\x12\xbb\x01\n"\n\x03web' + META + b"Z\n\n\x03app\x12\x03web"
        b'\x12\x86\x01\x08\x02\x12\x0c\n\n\n\x03app\x12\x03web\x1al\n\x1c\n\x00\x12\x00\x1a\x00"\x00*\x002\x008\x00B\x00Z\n\n'
        b'\x03app\x12\x03web\x12L\x12.\n\x05nginx\x12\x05nginx*\x002\n\n\x00\x10\x00\x18P"\x00*\x00B\x00j\x00r\x00\x80\x01\x00\x88'
        b"\x01\x00\x90\x01\x00\xa2\x01\x00\x1a\x002\x00B\x00J\x00R\x00X\x00`\x00h\x00\x82\x01\x00\x8a\x01\x00\x9a\x01\x00\xc2\x01"
        b'\x00"\x02\n\x00(\x008\x00\x1a\x0c\x08\x00\x10\x00\x18\x00 \x00(\x008\x00' + ENVELOPE_END,
        {
            "kind": "Deployment", "apiVersion": "apps/v1",
            "metadata": {"name": "web", "namespace": "n36", "labels": {"app": "web"}},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "strategy": {},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [
                        {"name": "nginx", "image": "nginx", "ports": [{"containerPort": 80}], "resources": {}}
                    ]},
                },
            },
            "status": {},
        },
    ),
    "create pdb p --selector=app=web --min-available=50%": (
        b"k8s\x00\n \n\tpolicy/v1\x12\x13PodDisruptionBudget\x12=\n\x14\n\x01p" + META
        + b"\x12\x19\n\t\x08\x01\x10\x00\x1a\x0350%\x12\x0c\n\n\n\x03app\x12\x03web\x1a\n\x08\x00\x18\x00 \x00(\x000\x00" + ENVELOPE_END,
        {
            "kind": "PodDisruptionBudget", "apiVersion": "policy/v1", "metadata": {"name": "p", "namespace": "n36"},
            "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}, "status": {},
        },
    ),
    "create token sa --duration=20m": (
        b'k8s\x00\n(\n\x18authentication.k8s.io/v1\x12\x0cTokenRequest\x12\x1d\n\x10\n\x00\x12\x00\x1a\x00"\x00*\x002\x008\x00B\x00'
        b"\x12\x03 \xb0\t\x1a\x04\n\x00\x12\x00" + ENVELOPE_END,
        {
            "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
            "spec": {"expirationSeconds": 1200}, "status": {},
        },
    ),
}  # fmt: skip
"""What kubectl 1.36 posts, and what it stands for."""


@pytest.mark.parametrize(("body", "obj"), SENT.values(), ids=SENT)
def test_what_kubectl_sends(body: bytes, obj: dict[str, Any]) -> None:
    assert protobuf().decode(body) == obj
    assert protobuf().decode(protobuf().encode(obj)) == obj


@pytest.mark.parametrize("body", [body for body, _ in SENT.values()], ids=SENT)
def test_a_body_that_was_cut_off_is_refused(body: bytes) -> None:
    between_fields = {6 + body[5], len(body) - 4, len(body) - 2}
    for end in set(range(len(body))) - between_fields:
        with pytest.raises(ProtobufError):
            protobuf().decode(body[:end])


def test_a_watch_frame_holds_an_event_without_envelope_and_an_object_with_one() -> None:
    event = dict(fields(WATCH_ERROR[4:]))
    body = dict(fields(event[2]))[1]  # type: ignore[arg-type]
    status = protobuf().decode(body)  # type: ignore[arg-type]
    assert status == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
        "message": "too old resource version: 181537752 (181538558)",
    }  # fmt: skip
    assert encode_watch_event("ERROR", body) == WATCH_ERROR  # type: ignore[arg-type]
    mine = protobuf().encode(status)
    assert protobuf().decode(mine) == status
    assert mine.endswith(ENVELOPE_END)


POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {
        "name": "web", "labels": {"a": "", "": "b"}, "creationTimestamp": "2026-01-02T03:04:05Z", "generation": 2**40,
        "deletionGracePeriodSeconds": 0, "finalizers": ["x/y"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "controller": False}],
        "managedFields": [{"manager": "m", "time": "1970-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}}],
    },
    "spec": {
        "containers": [
            {
                "name": "web", "image": "nginx", "command": ["sh", ""], "resources": {"limits": {"cpu": "100m", "memory": "1Gi"}},
                "ports": [{"containerPort": 80}], "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "livenessProbe": {"httpGet": {"port": "http"}, "initialDelaySeconds": -1},
                "readinessProbe": {"tcpSocket": {"port": 0}},
                "securityContext": {"privileged": False, "runAsUser": 0},
            }
        ],
        "ephemeralContainers": [{"name": "debug", "image": "busybox", "targetContainerName": "web"}],
        "volumes": [{"name": "scratch", "emptyDir": {}}, {"name": "config", "configMap": {"name": "c", "optional": True}}],
        "terminationGracePeriodSeconds": 0, "hostNetwork": True, "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}], "priority": -(2**31),
    },
    "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-02T03:04:05Z"}]},
}  # fmt: skip
OBJECTS: dict[str, dict[str, Any]] = {
    "pod": POD,
    "config": {"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "ü"}, "binaryData": {"b": "AAEC/w=="}},
    "lease": {
        "kind": "Lease", "apiVersion": "coordination.k8s.io/v1",
        "spec": {"holderIdentity": "", "leaseTransitions": 0, "renewTime": "2026-01-02T03:04:05.000007Z"},
    },
    "service": {
        "kind": "Service", "apiVersion": "v1",
        "spec": {"ports": [{"port": 80, "targetPort": "http"}, {"port": 81, "targetPort": 8081}]},
    },
    "delete options": {
        "kind": "DeleteOptions", "apiVersion": "apps/v1", "gracePeriodSeconds": 0, "orphanDependents": False, "dryRun": ["All"],
    },
    "access review": {
        "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
        "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}, "status": {"allowed": False},
    },
    "subject's extra": {
        "kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
        "spec": {"user": "u", "groups": ["g"], "extra": {"a": ["b", ""], "none": []}}, "status": {"allowed": True},
    },
    "token request": {
        "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
        "spec": {"audiences": ["a"], "expirationSeconds": 600, "boundObjectRef": {"kind": "Pod", "name": "p"}},
    },
    "scale": {"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": 3}},
    "binding": {"kind": "Binding", "apiVersion": "v1", "target": {"kind": "Node", "name": "n"}},
    "eviction": {
        "kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": "p"},
        "deleteOptions": {"preconditions": {"uid": "u"}},
    },
    "budget": {
        "kind": "PodDisruptionBudget", "apiVersion": "policy/v1", "spec": {"minAvailable": "50%", "selector": {}},
        "status": {"disruptedPods": {"p": "2026-01-02T03:04:05Z"}, "disruptionsAllowed": 1, "currentHealthy": 2,
                   "desiredHealthy": 3, "expectedPods": 4},
    },
    "role": {
        "kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1",
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}],
    },
    "claim": {
        "kind": "ResourceClaim", "apiVersion": "resource.k8s.io/v1",
        "spec": {"devices": {"config": [{"opaque": {"driver": "d", "parameters": {"any": [1, {"deep": None}]}}}]}},
    },
    "metadata alone": {
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "x"},
    },
}  # fmt: skip


@pytest.mark.parametrize("obj", OBJECTS.values(), ids=OBJECTS)
def test_there_and_back(obj: dict[str, Any]) -> None:
    assert protobuf().decode(protobuf().encode(obj)) == obj


def test_nulls_and_fields_that_have_no_number_are_left_out() -> None:
    obj = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x", "creationTimestamp": None}, "invented": 1}
    assert protobuf().decode(protobuf().encode(obj)) == {
        "kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x"},
    }  # fmt: skip


def test_a_null_in_a_list_is_the_types_zero() -> None:
    obj = {
        "kind": "Pod",
        "apiVersion": "v1",
        "spec": {"tolerations": [None], "containers": [{"name": "c", "args": [None]}]},
    }
    assert protobuf().decode(protobuf().encode(obj))["spec"] == {
        "tolerations": [{}], "containers": [{"name": "c", "args": [""]}],
    }  # fmt: skip


def test_a_zero_that_go_writes_into_json_is_there() -> None:
    body = enveloped("v1", "Pod", delimited(2, delimited(2, b"")))
    assert protobuf().decode(body)["spec"]["containers"] == [{"name": ""}]


def test_a_list_is_its_metadata_and_its_items_messages() -> None:
    items = [protobuf().message("v1", "ConfigMap", {"metadata": {"name": name}}) for name in "ab"]
    body = protobuf().encode_list("v1", "ConfigMapList", {"resourceVersion": "7", "remainingItemCount": 0}, items)
    assert protobuf().decode(body) == {
        "kind": "ConfigMapList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "7", "remainingItemCount": 0},
        "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}],
    }


@pytest.mark.parametrize("number", [300, 536870911])
@pytest.mark.parametrize("wire", [0, 1, 2, 5])
def test_unknown_fields_are_passed_over(number: int, wire: int) -> None:
    value = {0: varint(1 << 60), 1: bytes(8), 2: b"\x03abc", 5: bytes(4)}[wire]
    message = tag(number, wire) + value + delimited(1, delimited(1, b"x"))
    decoded = protobuf().decode(enveloped("v1", "ConfigMap", message))
    assert decoded["metadata"] == {"name": "x"}


def test_repeated_integers_may_be_packed_or_not() -> None:
    groups = delimited(4, b"\x01\x96\x01") + tag(4, 0) + b"\x03"
    body = enveloped("v1", "Pod", delimited(2, delimited(14, groups)))
    assert protobuf().decode(body)["spec"]["securityContext"] == {"supplementalGroups": [1, 150, 3]}


def refusal(body: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        decode(body, PROTOBUF, "Pod")
    return caught.value.message


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"\x0a\x05ab", "unexpected EOF"),
        (b"\x0a", "unexpected EOF"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "unexpected EOF"),
        (b"\x80", "unexpected EOF"),
        (b"\xff" * 11, "proto: integer overflow"),
        (b"\x08\x01", "proto: wrong wireType = 0 for field Metadata"),
        (b"\xf8\x06", "unexpected EOF"),
        (b"\xfb\x06", "proto: illegal wireType 3"),
        (b"\x02\x00", "proto: illegal tag 0 (wire type 2)"),
        (delimited(1, delimited(1, b"\xff")), "proto: invalid UTF-8 in string"),
        (delimited(1, delimited(8, b"\x08" + varint(1 << 62))), f"Time: {1 << 62} seconds are out of range"),
        (delimited(1, delimited(11, b"\x08\x01\x10\x01")), "proto: wrong wireType for a map's value"),
    ],
    ids=str,
)  # fmt: skip
def test_a_malformed_message_is_refused(message: bytes, why: str) -> None:
    assert refusal(enveloped("v1", "Pod", message)) == f'Pod in version "v1" cannot be handled as a Pod: {why}'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty data (<empty>)"),
        (b"k8s\x00", "empty body (6b387300)"),
        (b'{"a":1}', 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({"a":1})'),
        (b"k8s\x00\x0a\x09ab", "unexpected EOF (6b3873000a096162)"),
    ],
    ids=str,
)  # fmt: skip
def test_a_malformed_envelope_is_refused(body: bytes, message: str) -> None:
    assert refusal(body) == f"the object provided is unrecognized (must be of type Pod): {message}"


def test_a_body_must_say_its_kind() -> None:
    assert "Object 'Kind' is missing" in refusal(enveloped("v1", "", b""))


@pytest.mark.parametrize("api_version", ["example.com/v1", "apps.example.com/v1", "v2", ""])
def test_a_kind_without_a_message_is_refused(api_version: str) -> None:
    assert f'no kind "Pod" is registered for version "{api_version}"' in refusal(enveloped(api_version, "Pod", b""))
    with pytest.raises(ProtobufError):
        protobuf().encode({"kind": "Pod", "apiVersion": api_version})
    assert not protobuf().supports(api_version, "Pod")


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(message: bytes) -> None:
    for kind in ("Pod", "Service", "Event"):
        try:
            protobuf().decode(enveloped("v1", kind, message))
        except ProtobufError:
            pass


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_an_integer_there_and_back(value: int) -> None:
    data = varint(value)
    read, end = read_varint(data + b"\x01", 0)
    assert (signed(read), end) == (value, len(data))


TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "s": TEXT.filter(bool),
    "b": st.just(True),
    "i": st.integers(min_value=-(2**63), max_value=2**63 - 1).filter(bool),
    "y": st.sampled_from(["AA==", "aGVsbG8="]),
    "meta.v1.Time": st.just("2026-01-02T03:04:05Z"),
    "meta.v1.MicroTime": st.just("1969-12-31T23:59:59.000001Z"),
    "api.resource.Quantity": st.sampled_from(["1", "100m", "2Gi"]),
    "util.intstr.IntOrString": st.sampled_from([0, -1, 80, "", "http"]),
    "runtime.RawExtension": st.sampled_from([{"a": [1]}, "text", 1]),
    "meta.v1.FieldsV1": st.just({"f:a": {}}),
}
ZEROS = {"s": "", "b": False, "i": 0, "y": ""}
"""Zeros, which survive where they are no scalars of Go."""


@st.composite
def messages(draw: st.DrawFn, key: str, depth: int = 0) -> dict[str, Any]:
    """Any object of a message, with every required field and some of the others."""
    out: dict[str, Any] = {}
    for field in TABLE[key]:
        wanted = field.mark == "!" and field.type != "y"
        if wanted or draw(st.integers(0, 2 + depth)) == 0:
            found = draw(value_of(field, depth))
            out |= found if field.mark == "=" else {field.name: found}
    return out


def value_of(field: Field, depth: int) -> st.SearchStrategy[Any]:
    one = VALUES[field.type] if field.type in VALUES else messages(field.type, depth + 1)
    # no bytes are as good as none where they stand for themselves; no kind accepts such an object
    if field.type in ZEROS and field.mark and (field.type, field.mark) != ("y", "!"):
        one = one | st.just(ZEROS[field.type])
    if field.mark == "{}[]":
        return st.dictionaries(TEXT, st.lists(TEXT, max_size=2), min_size=1, max_size=2)
    if field.mark == "{}":
        return st.dictionaries(TEXT, one, min_size=1, max_size=2)
    if field.mark == "[]":
        return st.lists(one, min_size=1, max_size=2)
    return one


KINDS = sorted(
    (group and f"{group}/") + f"{version} {kind}"
    for group, name in GROUPS.items()
    for key in TABLE
    for first, version, kind in [key.split(".")]
    if first == name and name != "meta" and any(field.name == "metadata" for field in TABLE[key])
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_any_object_there_and_back(data: st.DataObject) -> None:
    api_version, kind = data.draw(st.sampled_from(KINDS)).split()
    obj = {"kind": kind, "apiVersion": api_version} | data.draw(messages(TABLE.key(api_version, kind)))
    assert protobuf().decode(protobuf().encode(obj)) == obj


def test_the_table_is_whole() -> None:
    assert sum(1 for _ in TABLE) > 700
    for key in TABLE:
        for field in TABLE[key]:
            assert field.type in VALUES or field.type in TABLE, f"{key}: {field}"
        numbers = [field.number for field in TABLE[key]]
        assert len(set(numbers)) == len(numbers), key
