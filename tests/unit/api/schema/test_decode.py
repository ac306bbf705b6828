from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubern.api import field
from kubern.api.schema import Schema, Schemas, WrongType, settle
from kubern.api.schema.slow import Walk
from kubern.base.errors import BadRequest

SCHEMAS = Schemas()
POD = SCHEMAS["io.k8s.api.core.v1.Pod"]
SECRET = SCHEMAS["io.k8s.api.core.v1.Secret"]
LEASE = SCHEMAS["io.k8s.api.coordination.v1.Lease"]
CRD = SCHEMAS["io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"]


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "a"}]} | spec}


WRONG = [
    (POD, pod(terminationGracePeriodSeconds="x"),
     "string into PodSpec.spec.terminationGracePeriodSeconds of type int64"),
    (POD, pod(containers=[{"name": "a", "env": [{"name": "A", "value": 1}]}]),
     "number into EnvVar.spec.containers.env.value of type string"),
    (POD, pod(containers={"name": "a"}), "object into PodSpec.spec.containers of type []v1.Container"),
    (POD, pod(containers=["a"]), "string into PodSpec.spec.containers of type v1.Container"),
    (POD, pod(hostNetwork="yes"), "string into PodSpec.spec.hostNetwork of type bool"),
    (POD, pod(priority=2**31), "number 2147483648 into PodSpec.spec.priority of type int32"),
    (POD, pod(priority=1.5), "number 1.5 into PodSpec.spec.priority of type int32"),
    (POD, pod(priority=True), "bool into PodSpec.spec.priority of type int32"),
    (POD, {"spec": []}, "array into Pod.spec of type v1.PodSpec"),
    (POD, {"metadata": {"labels": {"a": 1}}}, "number into ObjectMeta.metadata.labels of type string"),
    (POD, {"metadata": {"labels": "a"}}, "string into ObjectMeta.metadata.labels of type map[string]string"),
    (POD, {"metadata": {"creationTimestamp": 5}}, "number into ObjectMeta.metadata.creationTimestamp of type string"),
    (POD, {"metadata": {"creationTimestamp": "soon"}}, 'parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"'),
    (POD, {"metadata": {"creationTimestamp": "2026-01-01"}},
     'parsing time "2026-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'),
    (POD, {"metadata": {"creationTimestamp": "2026-13-01T00:00:00Z"}}, 'parsing time "2026-13-01T00:00:00Z": month out of range'),
    (POD, pod(overhead={"cpu": "1x"}), "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    (POD, pod(containers=[{"livenessProbe": {"httpGet": {"port": True}}}]),
     "bool into HTTPGetAction.spec.containers.livenessProbe.httpGet.port of type int32"),
    (SECRET, {"data": {"a": "a?=="}}, "illegal base64 data at input byte 1"),
    (SECRET, {"data": {"a": 1}}, "number into Secret.data of type []uint8"),
    (LEASE, {"spec": {"renewTime": "2026-01-01T00:00:00Z"}},
     'parsing time "2026-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"'),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "obj", "message"), WRONG, ids=[w[2][:90] for w in WRONG])
def test_a_wrong_type_is_refused_in_upstreams_words(schema: Schema, obj: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongType) as refusal:
        schema.decode(obj)
    if " into " in message:
        message = "json: cannot unmarshal " + message.replace(" into ", " into Go struct field ")
    assert str(refusal.value) == message


NORMAL = [
    (POD, {"status": None, "spec": {"nodeName": None}}, {"spec": {}}),
    (POD, {"metadata": {"labels": {}, "finalizers": []}}, {"metadata": {}}),
    (POD, {"spec": {"containers": []}}, {"spec": {"containers": []}}),
    (POD, {"metadata": {"labels": {"a": None}}}, {"metadata": {"labels": {"a": ""}}}),
    (POD, {"spec": {"containers": [None]}}, {"spec": {"containers": [{}]}}),
    (POD, pod(overhead={"cpu": 0.5, "memory": "1024Mi"}), pod(overhead={"cpu": "500m", "memory": "1Gi"})),
    (POD, {"metadata": {"creationTimestamp": "2026-01-01T02:00:00.9+02:00"}}, {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}}),
    (POD, {"metadata": {"creationTimestamp": "0001-01-01T00:00:00Z"}}, {"metadata": {}}),
    (POD, {"metadata": {"managedFields": [{"fieldsV1": {"f:a": {}}}]}}, {"metadata": {"managedFields": [{"fieldsV1": {"f:a": {}}}]}}),
    (POD, {"metadata": {"creationTimestamp": "2024-02-29T00:00:00Z"}}, {"metadata": {"creationTimestamp": "2024-02-29T00:00:00Z"}}),
    (LEASE, {"spec": {"renewTime": "2026-01-01T01:00:00.500000+01:00"}}, {"spec": {"renewTime": "2026-01-01T00:00:00.500000Z"}}),
    (SECRET, {"data": {"a": "YWJj\nZGVm"}}, {"data": {"a": "YWJjZGVm"}}),
    (CRD, {"spec": {"versions": [{"schema": {"openAPIV3Schema": {"properties": {"a": {"default": {"x": None}}}}}}]}},
     {"spec": {"versions": [{"schema": {"openAPIV3Schema": {"properties": {"a": {"default": {"x": None}}}}}}]}}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "obj", "normal"), NORMAL, ids=[str(n[2])[:70] for n in NORMAL])
@pytest.mark.parametrize("path", ["fast", "slow"])
def test_an_object_is_left_as_upstream_would_write_it(
    schema: Schema, obj: dict[str, Any], normal: dict[str, Any], path: str
) -> None:
    given = orjson.loads(orjson.dumps(obj))
    if path == "fast":
        assert schema.decode(given) == []
    else:
        Walk().run(schema.type, given)
    assert given == normal


def test_unknown_fields_are_taken_out_and_named() -> None:
    obj = pod(foo=1, containers=[{"name": "a", "bar": {}}], overhead={"cpu": 0.5})
    obj["metadata"]["baz"] = None
    obj["x"] = []
    assert POD.decode(obj) == ["metadata.baz", "spec.containers[0].bar", "spec.foo", "x"]
    assert obj == pod(overhead={"cpu": "500m"})


def test_field_names_are_case_sensitive() -> None:
    assert POD.decode({"Spec": {}}) == ["Spec"]


def test_strict_refuses_unknown_and_duplicate_fields() -> None:
    with pytest.raises(BadRequest) as refusal:
        settle(POD, pod(foo=1), "Pod", "v1", "Strict", ['duplicate field "spec"'])
    assert refusal.value.message == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: duplicate field "spec", unknown field "spec.foo"'
    )


def test_warn_tells_and_ignore_does_not() -> None:
    assert settle(POD, pod(foo=1), "Pod", "v1", "Warn") == ['unknown field "spec.foo"']
    assert settle(POD, pod(foo=1), "Pod", "v1", "Ignore", ['duplicate field "spec"']) == []


def test_a_wrong_type_is_a_bad_request() -> None:
    with pytest.raises(BadRequest) as refusal:
        settle(POD, {"spec": "x"}, "Pod", "v1", "Ignore")
    assert refusal.value.message == (
        'Pod in version "v1" cannot be handled as a Pod: '
        "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec"
    )


def test_nesting_without_end_is_refused() -> None:
    obj: dict[str, Any] = {}
    for _ in range(2000):
        obj = {"not": obj}
    with pytest.raises(WrongType, match="exceeded max depth"):
        CRD.decode({"spec": {"versions": [{"schema": {"openAPIV3Schema": obj}}]}})


def test_published_required_fields_are_named() -> None:
    obj = {"spec": {"containers": [{"ports": [{}]}], "volumes": [{"name": "a"}]}}
    assert POD.missing(obj) == [
        field.required("spec.containers[0].name"), field.required("spec.containers[0].ports[0].containerPort"),
    ]  # fmt: skip


def test_every_definition_compiles() -> None:
    for name in SCHEMAS.definitions:
        if SCHEMAS.types[name].kind == "struct":
            assert SCHEMAS[name].decode({"no such field": 1}) == ["no such field"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**33) | st.sampled_from(["", "a", "1Gi", "2026-01-01T00:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "spec", "containers", "name", "labels", "env", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "x"]), values))
def test_both_paths_agree_and_a_second_decode_changes_nothing(obj: dict[str, Any]) -> None:
    slow, fast = orjson.loads(orjson.dumps(obj)), orjson.loads(orjson.dumps(obj))
    walk = Walk()
    try:
        walk.run(POD.type, slow)
    except WrongType as error:
        with pytest.raises(WrongType) as refusal:
            POD.decode(fast)
        assert str(refusal.value) == str(error)  # noqa: PT017
        return
    assert POD.decode(fast) == walk.unknown
    assert fast == slow
    assert POD.decode(fast) == []
    assert fast == slow
