from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubern.api.schema import Schemas
from kubern.api.schema.patch import MalformedPatch, PatchFailed, apply_strategic, create_strategic
from kubern.base.errors import StatusError

SCHEMAS = Schemas()
POD = SCHEMAS["io.k8s.api.core.v1.Pod"].type
SPEC = SCHEMAS["io.k8s.api.core.v1.PodSpec"].type
DEPLOYMENT = SCHEMAS["io.k8s.api.apps.v1.DeploymentSpec"].type
META = SCHEMAS["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"].type


def names(*given: str) -> dict[str, Any]:
    return {"containers": [{"name": name} for name in given]}


CASES = [
    ("merges items by key", SPEC, {"containers": [{"name": "a", "image": "x", "tty": True}]},
     {"containers": [{"name": "a", "image": "y"}]}, {"containers": [{"name": "a", "image": "y", "tty": True}]}),
    ("puts a new item first", SPEC, names("a", "b"), names("c"), names("c", "a", "b")),
    ("keeps the order of what it changes", SPEC, names("a", "b", "c"), names("b"), names("a", "b", "c")),
    ("deletes an item", SPEC, names("a", "b"), {"containers": [{"name": "a", "$patch": "delete"}]}, names("b")),
    ("replaces a list", SPEC, names("a", "b"), {"containers": [{"$patch": "replace"}, {"name": "c"}]}, names("c")),
    ("replaces an atomic list", SPEC, {"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
    ("empties an atomic list", SPEC, {"tolerations": [{"key": "a"}]}, {"tolerations": []}, {"tolerations": []}),
    ("removes by null", SPEC, {"nodeName": "n", "priority": 1}, {"nodeName": None}, {"priority": 1}),
    ("drops nulls in what is new", SPEC, {}, {"affinity": {"podAffinity": None}}, {"affinity": {}}),
    ("drops directives in what is new", SPEC, {}, {"containers": [{"name": "a", "$patch": "delete"}]}, {"containers": []}),
    ("replaces a map", SPEC, {"securityContext": {"runAsUser": 1}}, {"securityContext": {"$patch": "replace", "runAsGroup": 2}},
     {"securityContext": {"runAsGroup": 2}}),
    ("empties a map", SPEC, {"nodeSelector": {"a": "b"}}, {"nodeSelector": {"$patch": "delete"}}, {"nodeSelector": {}}),
    ("merges free maps", SPEC, {"nodeSelector": {"a": "b"}}, {"nodeSelector": {"c": "d"}}, {"nodeSelector": {"a": "b", "c": "d"}}),
    ("merges ports by number", SPEC, {"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "x"}]}]},
     {"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "y"}]}]},
     {"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "y"}]}]}),
    ("retains keys", DEPLOYMENT, {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
     {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}, {"strategy": {"type": "Recreate"}}),
    ("retains keys of items", SPEC, {"volumes": [{"name": "v", "emptyDir": {}}]},
     {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/"}}]},
     {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    ("adds primitives once", META, {"finalizers": ["a", "b"]}, {"finalizers": ["b", "c"]}, {"finalizers": ["a", "b", "c"]}),
    ("deletes primitives", META, {"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
    ("sets the order of primitives", META, {"finalizers": ["a", "b"]},
     {"$setElementOrder/finalizers": ["b", "a"]}, {"finalizers": ["b", "a"]}),
    ("sets the order of items", SPEC, names("a", "b", "c"),
     {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}, {"name": "d"}], "containers": [{"name": "d"}]},
     names("b", "c", "a", "d")),
    ("knows nothing of unknown fields", SPEC, {}, {"x": [{"a": 1}], "y": {"z": None}}, {"x": [{"a": 1}], "y": {}}),
]  # fmt: skip


@pytest.mark.parametrize(("type", "original", "patch", "result"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_strategic_patch(type: Any, original: Any, patch: Any, result: Any) -> None:
    before = orjson.dumps([original, patch])
    assert apply_strategic(type, original, patch) == result
    assert orjson.dumps([original, patch]) == before


REFUSED: list[tuple[Any, Any, Any, type[StatusError]]] = [
    (SPEC, {}, {"$patch": "spin"}, PatchFailed),
    (SPEC, names("a"), {"containers": [{"image": "x"}]}, PatchFailed),
    (SPEC, names("a"), {"containers": [{"$patch": "delete"}]}, PatchFailed),
    (SPEC, names("a"), {"containers": ["a"]}, PatchFailed),
    (SPEC, names("a"), {"containers": [{"name": "a", "$patch": "spin"}]}, PatchFailed),
    (META, {"finalizers": []}, {"finalizers": [{}]}, PatchFailed),
    (META, {"finalizers": ["a"]}, {"$deleteFromPrimitiveList/finalizers": "a"}, MalformedPatch),
    (META, {"finalizers": ["a"]}, {"$setElementOrder/finalizers": "a"}, MalformedPatch),
    (DEPLOYMENT, {"strategy": {}}, {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}, MalformedPatch),
    (DEPLOYMENT, {"strategy": {}}, {"strategy": {"$retainKeys": "type"}}, MalformedPatch),
    (SPEC, names("a"), {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}, MalformedPatch),
    (SPEC, names("a", "b"),
     {"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}], "containers": [{"name": "b"}, {"name": "a"}]}, MalformedPatch),
]  # fmt: skip


@pytest.mark.parametrize(("type", "original", "patch", "error"), REFUSED, ids=[str(r[2])[:60] for r in REFUSED])
def test_a_bad_strategic_patch_is_refused(type: Any, original: Any, patch: Any, error: type[StatusError]) -> None:
    with pytest.raises(error):
        apply_strategic(type, original, patch)


def maps(**fields: Any) -> Any:
    return st.fixed_dictionaries({}, optional=fields)


def keyed(key: str, keys: Any, item: Any) -> Any:
    return st.lists(st.builds(lambda k, rest: {key: k} | rest, keys, item), max_size=4, unique_by=lambda i: i[key])


word = st.sampled_from("abcd")
text_map = st.dictionaries(word, word, max_size=3)
container = maps(
    image=word, tty=st.booleans(), args=st.lists(word, max_size=3), env=keyed("name", word, maps(value=word)),
    ports=keyed("containerPort", st.integers(1, 4), maps(protocol=word)), securityContext=maps(runAsUser=st.integers(0, 2)),
)  # fmt: skip
volume = st.sampled_from([{"emptyDir": {}}, {"hostPath": {"path": "/a"}}, {"hostPath": {"path": "/b", "type": "x"}}])


def pods_with(constraints: Any) -> Any:
    return maps(
        metadata=maps(labels=text_map, finalizers=st.lists(word, max_size=3, unique=True)),
        spec=maps(
            containers=keyed("name", word, container), volumes=keyed("name", word, volume), nodeSelector=text_map,
            tolerations=st.lists(maps(key=word), max_size=2), nodeName=word, priority=st.integers(0, 1),
            topologySpreadConstraints=constraints,
        ),
    )  # fmt: skip


pods = pods_with(st.lists(maps(topologyKey=word), max_size=2))
keyed_pods = pods_with(keyed("topologyKey", word, maps(whenUnsatisfiable=word)))


def text(obj: Any) -> bytes:
    return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)


@settings(max_examples=60, deadline=None)
@given(pods, pods)
def test_a_made_strategic_patch_leads_from_one_object_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = text([old, new])
    assert text(apply_strategic(POD, old, create_strategic(POD, old, new))) == text(new)
    assert text([old, new]) == before


@given(pods)
def test_equal_objects_make_an_empty_patch(obj: dict[str, Any]) -> None:
    assert create_strategic(POD, obj, obj) == {}
    assert apply_strategic(POD, obj, {}) == obj


@settings(max_examples=60, deadline=None)
@given(keyed_pods, keyed_pods)
def test_a_strategic_patch_applied_twice_is_applied_once(old: dict[str, Any], new: dict[str, Any]) -> None:
    patch = create_strategic(POD, old, new)
    once = apply_strategic(POD, old, patch)
    assert text(apply_strategic(POD, once, patch)) == text(once)


def test_an_item_without_its_merge_key_is_taken_where_there_is_no_list_yet_and_refused_afterwards() -> None:
    patch = {"topologySpreadConstraints": [{"maxSkew": 1}]}
    once = apply_strategic(SPEC, {}, patch)
    assert once == patch
    with pytest.raises(PatchFailed) as refused:
        apply_strategic(SPEC, once, patch)
    assert "does not contain declared merge key: topologyKey" in refused.value.detail
